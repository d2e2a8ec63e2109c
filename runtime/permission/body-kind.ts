/** What a body is said to be. Only what has one meaning is read. */

export interface BodyKind {
  /** `opaque`: of a type that carries content and no parameters. `unclear`: a service might find parameters in it. */
  form: 'json' | 'urlencoded' | 'opaque' | 'unclear';
  /** Of the last two: the end of a sentence that begins with "the body". */
  why?: string;
}

const mediaType = /^([a-z0-9!#$&^_.+-]+)\/([a-z0-9!#$&^_.+-]+)$/;
const parameter = /^([a-z0-9!#$&^_.+-]+)=(?:"([a-z0-9 !#$&^_.+:/=-]*)"|([a-z0-9!#$&^_.+:/-]*))$/;

/** From the request's headers, in any case. */
export function bodyKind(headers: readonly (readonly [string, string])[]): BodyKind {
  const all = (wanted: string) => headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  const encodings = all('content-encoding');
  if (encodings.some((encoding) => encoding.trim().toLowerCase() !== 'identity'))
    return { form: 'unclear', why: 'is compressed' };
  const types = all('content-type');
  if (types.length !== 1) return { form: 'unclear', why: `has ${types.length === 0 ? 'no' : 'several'} content types` };

  const [first = '', ...rest] = types[0]!.toLowerCase().split(';');
  const type = mediaType.exec(first.trim());
  if (!type) return { form: 'unclear', why: 'has an odd content type' };
  const [, group, name] = type as unknown as [string, string, string];
  if (group === 'multipart' || group === 'message') return { form: 'unclear', why: `is ${group}` };

  const isJson = group === 'application' && (name === 'json' || name.endsWith('+json'));
  if (!isJson && !(group === 'application' && name === 'x-www-form-urlencoded'))
    return isContent(group, name)
      ? { form: 'opaque', why: 'is neither JSON nor a form' }
      : { form: 'unclear', why: 'is neither JSON nor a form' };

  let charsets = 0;
  for (const text of rest) {
    const one = parameter.exec(text.trim());
    if (!one) return { form: 'unclear', why: 'has an odd content type' };
    if (one[1] !== 'charset') continue;
    charsets++;
    if ((one[2] ?? one[3]) !== 'utf-8' || charsets > 1)
      return { form: 'unclear', why: 'has another charset than UTF-8' };
  }
  return { form: isJson ? 'json' : 'urlencoded' };
}

/** Types that no service looks for parameters in. */
const isContent = (group: string, name: string) =>
  group === 'image' ||
  group === 'audio' ||
  group === 'video' ||
  group === 'font' ||
  name === 'octet-stream' ||
  name === 'pdf' ||
  name === 'zip' ||
  name === 'gzip';
