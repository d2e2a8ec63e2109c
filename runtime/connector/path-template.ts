/** Path templates: `/files/{id}`, `/things/{id}:move`, `/{bucket}/{key+}?acl`, `/root:/{path+}:/content`. */

export type Segment =
  | { kind: 'literal'; text: string }
  /** Text and parameters in turn, with text between any two parameters. */
  /** `lenientSplit`: the same in lower case. */
  | { kind: 'pattern'; parts: readonly PatternPart[]; split: SplitPattern; lenientSplit: SplitPattern }
  | { kind: 'parameter'; name: string };
export type PatternPart = { text: string } | { name: string };

/** `{x+}`: one segment or more, up to what stands behind it. */
export interface Rest {
  name: string;
  /** Text behind it in its last segment; empty when nothing follows. */
  suffix: string;
  tail: readonly Segment[];
}

export interface PathTemplate {
  /** As it was given. */
  text: string;
  /** Those before the rest, or all. */
  segments: readonly Segment[];
  rest?: Rest;
  endsInSlash: boolean;
  /** What the query must have. */
  query: readonly { name: string; value?: string }[];
  /** All parameters of the path, in order. */
  names: readonly string[];
  /** Equal for templates that match the same paths. */
  shape: string;
}

/** A template that cannot be used. `message` completes `the path ...`. */
export class BadTemplate extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadTemplate';
  }
}

const MAXIMUM_SEGMENTS = 40;
const literalText = /^[A-Za-z0-9\-._~!$&'()*+,=:@]+$/;
/** RFC 6570 expressions other than the simple one would need other rules. */
const parameterName = /^[A-Za-z0-9_$][^{}/?#%*+,;\s]{0,99}$/;

/** Errors: BadTemplate. */
export function parsePathTemplate(text: string): PathTemplate {
  const [path = '', ...queries] = text.split('?');
  if (!path.startsWith('/')) throw new BadTemplate('must begin with /');
  if (text.length > 1000) throw new BadTemplate('must have at most 1000 characters');
  if (queries.length > 1) throw new BadTemplate('may have one ? only');
  const parts = path.slice(1).split('/');
  const endsInSlash = parts.at(-1) === '';
  if (endsInSlash) parts.pop();
  if (parts.length > MAXIMUM_SEGMENTS) throw new BadTemplate(`must have at most ${MAXIMUM_SEGMENTS} segments`);
  const restAt = parts.findIndex((part) => /\{[^{}]*\+\}/.test(part));
  const segments = (restAt === -1 ? parts : parts.slice(0, restAt)).map(parseSegment);
  const rest = restAt === -1 ? undefined : parseRest(parts[restAt]!, parts.slice(restAt + 1));
  if (rest && rest.suffix === '' && endsInSlash)
    throw new BadTemplate('cannot have a / behind {x+}: it takes that too');
  const names = [...segments.flatMap(namesOf), ...(rest ? [rest.name, ...rest.tail.flatMap(namesOf)] : [])];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new BadTemplate(`has two parameters ${twice}`);
  const shapes = [
    ...segments.map(segmentShape),
    ...(rest ? [`{+}${rest.suffix}`, ...rest.tail.map(segmentShape)] : []),
  ];
  return {
    text,
    segments,
    ...(rest ? { rest } : {}),
    endsInSlash: endsInSlash && parts.length > 0,
    query: parseQuery(queries[0]),
    names,
    shape: `/${shapes.join('/')}${endsInSlash && parts.length > 0 ? '/' : ''}`,
  };
}

function parseRest(text: string, behind: string[]): Rest {
  const [, name, suffix] = /^\{([^{}]*)\+\}([^{}]*)$/.exec(text) ?? [];
  if (name === undefined || suffix === undefined) throw new BadTemplate('has {x+} with text before it in its segment');
  if (suffix !== '' && !literalText.test(suffix)) throw new BadTemplate('has an odd character behind {x+}');
  if (suffix === '' && behind.length > 0)
    throw new BadTemplate('has {x+} in the middle without text behind it: where it ends cannot be told');
  const tail = behind.map(parseSegment);
  return { name: checkedName(name), suffix, tail };
}

function parseSegment(text: string): Segment {
  const pieces = text.split(/(\{[^{}]*\})/).filter((piece) => piece !== '');
  const parts = pieces.map((piece): PatternPart => {
    if (/^\{[^{}]*\}$/.test(piece)) return { name: checkedName(piece.slice(1, -1)) };
    if (/[{}]/.test(piece)) throw new BadTemplate('has a brace without its other one in the same segment');
    if (!literalText.test(piece))
      throw new BadTemplate('has an odd character: write those of a request, without ; and %');
    return { text: piece };
  });
  const [only] = parts;
  if (only === undefined) throw new BadTemplate('has an empty segment');
  if (parts.length === 1) {
    if ('name' in only) return { kind: 'parameter', name: only.name };
    if (/^\.+$/.test(only.text)) throw new BadTemplate('has a segment of dots alone');
    return { kind: 'literal', text: only.text };
  }
  if (parts.some((part, index) => 'name' in part && 'name' in (parts[index + 1] ?? {})))
    throw new BadTemplate('has two parameters side by side: where one ends cannot be told');
  const lenient = parts.map((part) => ('text' in part ? { text: part.text.toLowerCase() } : part));
  return { kind: 'pattern', parts, split: splitPattern(parts), lenientSplit: splitPattern(lenient) };
}

function checkedName(name: string): string {
  if (!parameterName.test(name) || name === '__proto__')
    throw new BadTemplate(`has a parameter {${name.slice(0, 100)}} that is not a plain name`);
  return name;
}

function parseQuery(query: string | undefined): PathTemplate['query'] {
  if (query === undefined) return [];
  return query.split('&').map((pair) => {
    const [name = '', value, more] = pair.split('=');
    const wrong = more !== undefined || !/^[\w.:-]+$/.test(name) || (value !== undefined && !/^[\w.:-]+$/.test(value));
    if (wrong) throw new BadTemplate('has a query that is not of the form ?name or ?name=value&name=value');
    return value === undefined ? { name } : { name, value };
  });
}

export const namesOf = (segment: Segment): string[] => {
  if (segment.kind === 'literal') return [];
  if (segment.kind === 'parameter') return [segment.name];
  return segment.parts.flatMap((part) => ('name' in part ? [part.name] : []));
};

/** Equal for segments that match the same texts. */
export const segmentShape = (segment: Segment): string => {
  if (segment.kind === 'literal') return segment.text;
  if (segment.kind === 'parameter') return '{}';
  return segment.parts.map((part) => ('name' in part ? '{}' : part.text)).join('');
};

/** A pattern taken apart once: what it begins and ends with, and the texts between its parameters. */
export interface SplitPattern {
  first: string;
  inner: readonly string[];
  last: string;
}

export function splitPattern(parts: readonly PatternPart[]): SplitPattern {
  const text = (part: PatternPart | undefined) => (part && 'text' in part ? part.text : '');
  const inner = parts.slice(1, -1).flatMap((part) => ('text' in part ? [part.text] : []));
  return { first: text(parts[0]), inner, last: text(parts.at(-1)) };
}

/**
 * The values of a pattern's parameters in a segment, none empty; undefined: it does not fit; `several`: it fits in more
 * than one way. Linear: each text is looked for once from the left and once from the right.
 */
export function splitByPattern(
  { first, inner, last }: SplitPattern,
  segment: string,
): string[] | 'several' | undefined {
  const start = first.length;
  const end = segment.length - last.length;
  if (end <= start || !segment.startsWith(first) || !segment.endsWith(last)) return undefined;
  if (inner.length === 0) return [segment.slice(start, end)];
  const cuts: number[] = [];
  let from = start;
  for (const text of inner) {
    const at = segment.indexOf(text, from + 1);
    if (at === -1 || at + text.length >= end) return undefined;
    cuts.push(at);
    from = at + text.length;
  }
  let to = end;
  for (let index = inner.length - 1; index >= 0; index--) {
    const at = segment.lastIndexOf(inner[index]!, to - 1 - inner[index]!.length);
    if (at !== cuts[index]) return 'several';
    to = at;
  }
  const bounds = [start, ...cuts.flatMap((at, index) => [at, at + inner[index]!.length]), end];
  return Array.from({ length: bounds.length / 2 }, (_, index) =>
    segment.slice(bounds[2 * index], bounds[2 * index + 1]),
  );
}
