/** The values of a template's parameters in a path that is exactly one of it. */
import { type PathTemplate, type Segment, splitByPattern } from './path-template.ts';
import { lenientSegment, type RequestPath } from './request-path.ts';

/** Values in the order of `template.names`, as written; or why the path is not exactly one of this template. */
export function readPathValues(template: PathTemplate, path: RequestPath): string[] | string {
  const { segments, rest, endsInSlash } = template;
  const { written } = path;
  const values: string[] = [];
  const behind = rest ? rest.tail.length : 0;
  if (rest ? written.length <= segments.length + behind : written.length !== segments.length)
    return spelledOtherwise(template);
  const wrong = readSegments(template, segments, written, values, path);
  if (wrong !== undefined) return wrong;
  if (rest) {
    const taken = written.slice(segments.length, written.length - behind).join('/');
    const open = rest.suffix === '';
    if (!taken.endsWith(rest.suffix) || taken.length === rest.suffix.length) return spelledOtherwise(template);
    const value = taken.slice(0, taken.length - rest.suffix.length) + (open && path.endsInSlash ? '/' : '');
    const before = segments.at(-1);
    const isAddress = rest.suffix.startsWith(':') || (before?.kind === 'literal' && before.text.endsWith(':'));
    if (isAddress && holdsColon(value)) return 'the path holds a : where one says what follows';
    // What was not dots alone with the text behind it can be without.
    if (!open && lenientSegment(value.slice(Math.max(value.lastIndexOf('/') + 1, 0)).replace(/^.*%2f/is, '')) === '')
      return 'the path has a segment of dots or blanks alone';
    values.push(value);
    const wrongBehind = readSegments(template, rest.tail, written.slice(written.length - behind), values, path);
    if (wrongBehind !== undefined) return wrongBehind;
    if (open) return values;
  }
  return endsInSlash === path.endsInSlash ? values : spelledOtherwise(template);
}

export const holdsColon = (value: string): boolean => /:|%3a/i.test(value);

/** Adds the values of these segments; a text says why they do not fit exactly. */
function readSegments(
  template: PathTemplate,
  segments: readonly Segment[],
  written: readonly string[],
  values: string[],
  path: RequestPath,
): string | undefined {
  for (let index = 0; index < segments.length; index++) {
    const segment = segments[index]!;
    const text = written[index]!;
    if (path.lenientSplit && /%2f/i.test(text)) return 'the path holds an encoded slash';
    if (segment.kind === 'literal') {
      if (segment.text !== text) return spelledOtherwise(template);
    } else if (segment.kind === 'parameter') {
      // Some services take what follows for the address of another thing: `/items/7:/name`.
      if (/(?::|%3a)$/i.test(text)) return 'a value in the path ends in a :';
      values.push(text);
    } else {
      const parts = splitByPattern(segment.split, text);
      if (parts === undefined) return spelledOtherwise(template);
      if (parts === 'several') return `the path fits ${template.text} in several ways`;
      values.push(...parts);
    }
  }
  return undefined;
}

const spelledOtherwise = ({ text }: PathTemplate) =>
  `the path is that of ${text} but for its spelling (case, encoding, a slash at the end)`;
