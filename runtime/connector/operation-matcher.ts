/**
 * Which operation a request is. Templates are looked up by the most lenient reading of the path; what is found that way
 * must then fit exactly as written and be the most specific, else some server could take the request for another operation.
 */
import type { Operation, OperationMatch } from './connector.ts';
import {
  type PathTemplate,
  parsePathTemplate,
  type Rest,
  type Segment,
  type SplitPattern,
  segmentShape,
  splitByPattern,
} from './path-template.ts';
import { chooseByQuery, overridesMethod } from './query-choice.ts';
import { lenientSegment, type RequestPath, readRequestPath } from './request-path.ts';

export interface OperationMatcher {
  /** `pathname` and `search` as the guest wrote them; `search` with its `?`, or empty. */
  match(method: string, pathname: string, search: string): OperationMatch;
}

/** Operations on one path, exactly written; parameters may have other names in each. */
export interface Route {
  template: PathTemplate;
  byMethod: Map<string, RoutedOperation[]>;
}
export interface RoutedOperation {
  operation: Operation;
  template: PathTemplate;
}

interface Node {
  literals: Map<string, Node>;
  patterns: { shape: string; split: SplitPattern; node: Node }[];
  parameter?: Node;
  /** Templates that end here. */
  routes: Route[];
  /** Templates whose rest begins here. */
  rests: Route[];
}

const newNode = (): Node => ({ literals: new Map(), patterns: [], routes: [], rests: [] });
const none: OperationMatch = Object.freeze({ kind: 'none' });
const inBody: OperationMatch = Object.freeze({ kind: 'in_body' });
const ambiguous = (why: string): OperationMatch => ({ kind: 'ambiguous', why });

/** Errors: BadTemplate. */
export function createMatcher(operations: readonly Operation[]): OperationMatcher {
  const root = newNode();
  const routes = new Map<string, Route>();
  let hasVerbs = false;
  for (const operation of operations) {
    const template = parsePathTemplate(operation.path);
    let route = routes.get(template.shape);
    if (!route) {
      route = { template, byMethod: new Map() };
      routes.set(template.shape, route);
      insert(root, route);
    }
    for (const method of [operation.method, ...(operation.otherMethods ?? [])]) {
      const same = route.byMethod.get(method);
      if (same) same.push({ operation, template });
      else route.byMethod.set(method, [{ operation, template }]);
    }
    hasVerbs ||= template.segments.some(isVerb);
  }

  return {
    match(method, pathname, search) {
      const path = readRequestPath(pathname);
      if (typeof path === 'string') return ambiguous(path);
      const found: Route[] = [];
      collect(root, path.lenient, 0, found);
      if (path.lenientSplit) collect(root, path.lenientSplit, 0, found);
      if (found.length === 0) return none;
      const best = mostSpecific(found, path);
      if (best === undefined) return ambiguous(`the path fits several templates: ${texts(found)}`);
      const values = readValues(best.template, path);
      if (typeof values === 'string') return ambiguous(values);
      if (hasVerbs && values.some((value) => colon.test(value)))
        return ambiguous('a value in the path holds a : and this service has operations named after one');
      const candidates = best.byMethod.get(method);
      if (!candidates) return otherMethod(method, best, found);
      const override = overridesMethod(search);
      if (override !== undefined) return ambiguous(override);
      const chosen = chooseByQuery(candidates, search);
      if (typeof chosen === 'string') return ambiguous(chosen);
      if (chosen === undefined) return none;
      // Servers of RPC choose accounts and modes by it, which no tool's name tells.
      if (chosen.operation.rpc) return search.length > 1 ? ambiguous('the query can change what is called') : inBody;
      const names = chosen.template.names;
      const pathParameters: Record<string, string> = {};
      for (let index = 0; index < names.length; index++) pathParameters[names[index]!] = values[index]!;
      return { kind: 'operation', operation: chosen.operation, pathParameters };
    },
  };
}

function insert(root: Node, route: Route): void {
  let node = root;
  for (const segment of route.template.segments) node = childFor(node, segment);
  (route.template.rest === undefined ? node.routes : node.rests).push(route);
}

function childFor(node: Node, segment: Segment): Node {
  if (segment.kind === 'parameter') {
    node.parameter ??= newNode();
    return node.parameter;
  }
  if (segment.kind === 'literal') {
    const text = lenientSegment(segment.text);
    const child = node.literals.get(text) ?? newNode();
    node.literals.set(text, child);
    return child;
  }
  const shape = segmentShape(segment).toLowerCase();
  const known = node.patterns.find((pattern) => pattern.shape === shape);
  if (known) return known.node;
  const child = newNode();
  node.patterns.push({ shape, split: segment.lenientSplit, node: child });
  return child;
}

/** All routes that fit leniently: at most as many steps as the tree has nodes. */
function collect(node: Node, segments: readonly string[], depth: number, found: Route[]): void {
  if (depth === segments.length) {
    for (const route of node.routes) if (!found.includes(route)) found.push(route);
    return;
  }
  for (const route of node.rests)
    if (!found.includes(route) && restFits(route.template.rest!, segments, depth)) found.push(route);
  const segment = segments[depth]!;
  const literal = node.literals.get(segment);
  if (literal) collect(literal, segments, depth + 1, found);
  for (const pattern of node.patterns)
    if (splitByPattern(pattern.split, segment) !== undefined) collect(pattern.node, segments, depth + 1, found);
  if (node.parameter) collect(node.parameter, segments, depth + 1, found);
}

function restFits({ suffix, tail }: Rest, segments: readonly string[], depth: number): boolean {
  const last = segments.length - tail.length - 1;
  if (last < depth || !segments[last]!.endsWith(suffix.toLowerCase())) return false;
  return tail.every((segment, index) => {
    const text = segments[last + 1 + index]!;
    if (segment.kind === 'parameter') return true;
    if (segment.kind === 'literal') return lenientSegment(segment.text) === text;
    return splitByPattern(segment.lenientSplit, text) !== undefined;
  });
}

/** The one that is at least as specific as every other in each segment. Undefined: there is none. */
function mostSpecific(found: readonly Route[], path: RequestPath): Route | undefined {
  if (found.length === 1) return found[0];
  const [first, ...others] = found as [Route, ...Route[]];
  const best = others.reduce((a, b) => (isMoreSpecific(b, a, path) ? b : a), first);
  return found.every((other) => other === best || isMoreSpecific(best, other, path)) ? best : undefined;
}

const ranks = { literal: 0, pattern: 1, parameter: 2 } as const;
const REST = 3;

function isMoreSpecific(a: Route, b: Route, path: RequestPath): boolean {
  const length = Math.max(a.template.segments.length, b.template.segments.length);
  let isMore = false;
  for (let index = 0; index < length; index++) {
    const left = a.template.segments[index];
    const right = b.template.segments[index];
    const rank = (left ? ranks[left.kind] : REST) - (right ? ranks[right.kind] : REST);
    if (rank > 0) return false;
    if (rank < 0) isMore = true;
    // Two texts that differ in case, or two patterns: neither is the narrower one.
    else if (left && right && segmentShape(left) !== segmentShape(right)) return false;
  }
  if (isMore) return true;
  const behind = compareTails(a.template.rest, b.template.rest);
  if (behind !== 0) return behind < 0;
  // They differ in a slash at the end: the service tells them apart, so what is written counts.
  return a.template.endsInSlash === path.endsInSlash && b.template.endsInSlash !== path.endsInSlash;
}

/** Of two rests that begin at one place: negative when the first asks for more behind it; NaN when neither does. */
function compareTails(a: Rest | undefined, b: Rest | undefined): number {
  if (!a || !b) return 0;
  const demands = ({ suffix, tail }: Rest) => (suffix === '' ? 0 : 1 + tail.length);
  if (a.suffix !== b.suffix && a.suffix !== '' && b.suffix !== '') return Number.NaN;
  const difference = demands(b) - demands(a);
  if (difference !== 0) return a.suffix !== '' && b.suffix !== '' ? Number.NaN : difference;
  const differences = a.tail.map((segment, index) => ranks[segment.kind] - ranks[b.tail[index]!.kind]);
  if (differences.some((one) => one < 0)) return differences.some((one) => one > 0) ? Number.NaN : -1;
  if (differences.some((one) => one > 0)) return 1;
  return a.tail.every((segment, index) => segmentShape(segment) === segmentShape(b.tail[index]!)) ? 0 : Number.NaN;
}

/** Values in the order of `template.names`, as written; or why the path is not exactly one of this template. */
function readValues(template: PathTemplate, path: RequestPath): string[] | string {
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
    if (isAddress && colon.test(value)) return 'the path holds a : where one says what follows';
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

const colon = /:|%3a/i;

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

/** A service may look for the method first and then take a less specific path. */
function otherMethod(method: string, best: Route, found: readonly Route[]): OperationMatch {
  const upper = method.toUpperCase();
  if (method !== upper && found.some((route) => route.byMethod.has(upper)))
    return ambiguous(`the method must be written ${upper}`);
  const other = found.find((route) => route.byMethod.has(method));
  return other ? ambiguous(`the path is that of ${best.template.text} and of ${other.template.text}`) : none;
}

const texts = (routes: readonly Route[]) =>
  routes
    .slice(0, 3)
    .map(({ template }) => template.text)
    .join(', ');

/** `{id}:move`: names what is done behind a colon. */
const isVerb = (segment: Segment): boolean =>
  segment.kind === 'pattern' &&
  segment.parts.some((part, index) => 'text' in part && part.text.startsWith(':') && index > 0);
