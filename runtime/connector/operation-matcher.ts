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
import { holdsColon, readPathValues } from './path-values.ts';
import { chooseByQuery, overridesMethod } from './query-choice.ts';
import { lenientSegment, type RequestPath, readRequestPath } from './request-path.ts';
import { mostSpecific } from './template-specificity.ts';

export interface OperationMatcher {
  /**
   * `pathname` and `search` as the guest wrote them; `search` with its `?`, or empty. With an `origin` it is as if there
   * were only the operations of that one; without, as if there were all of them.
   */
  match(method: string, pathname: string, search: string, origin?: string): OperationMatch;
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

/** Most nodes have one child, and there may be a hundred thousand: what is not there takes no memory. */
interface Node {
  text: string | undefined;
  /** The child for `text`. */
  literal: Node | undefined;
  /** Further literal children. */
  literals: Map<string, Node> | undefined;
  patterns: { shape: string; split: SplitPattern; node: Node }[] | undefined;
  parameter: Node | undefined;
  /** Templates that end here. */
  routes: Route[] | undefined;
  /** Templates whose rest begins here. */
  rests: Route[] | undefined;
}

const newNode = (): Node => ({
  ...{ text: undefined, literal: undefined, literals: undefined, patterns: undefined, parameter: undefined },
  ...{ routes: undefined, rests: undefined },
});
const none: OperationMatch = Object.freeze({ kind: 'none' });
const inBody: OperationMatch = Object.freeze({ kind: 'in_body' });
const ambiguous = (why: string): OperationMatch => ({ kind: 'ambiguous', why });

/** Errors: BadTemplate. */
export function createMatcher(operations: readonly Operation[]): OperationMatcher {
  const root = newNode();
  const routes = new Map<string, Route>();
  const verbs: Operation[] = [];
  const isEverywhere = operations.every((operation) => operation.origins === undefined);
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
    if (template.segments.some(isVerb)) verbs.push(operation);
  }

  return {
    match(method, pathname, search, asked) {
      const origin = isEverywhere ? undefined : asked;
      const path = readRequestPath(pathname);
      if (typeof path === 'string') return ambiguous(path);
      const found = routesFor(root, path, origin);
      if (found.length === 0) return none;
      const best = mostSpecific(found, path.endsInSlash);
      if (best === undefined) return ambiguous(`the path fits several templates: ${texts(found)}`);
      const values = readPathValues(best.template, path);
      if (typeof values === 'string') return ambiguous(values);
      if (verbs.length > 0 && values.some(holdsColon) && verbs.some((verb) => isAt(verb, origin)))
        return ambiguous('a value in the path holds a : and this service has operations named after one');
      const candidates = routed(best, method, origin);
      if (candidates.length === 0) return otherMethod(method, best, found, origin);
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
  const list = route.template.rest === undefined ? 'routes' : 'rests';
  node[list] ??= [];
  node[list].push(route);
}

function childFor(node: Node, segment: Segment): Node {
  if (segment.kind === 'parameter') {
    node.parameter ??= newNode();
    return node.parameter;
  }
  if (segment.kind === 'literal') return literalFor(node, lenientSegment(segment.text));
  const shape = segmentShape(segment).toLowerCase();
  const known = node.patterns?.find((pattern) => pattern.shape === shape);
  if (known) return known.node;
  const child = newNode();
  node.patterns ??= [];
  node.patterns.push({ shape, split: segment.lenientSplit, node: child });
  return child;
}

function literalFor(node: Node, text: string): Node {
  const known = literalOf(node, text);
  if (known) return known;
  const child = newNode();
  if (node.text === undefined) {
    node.text = text;
    node.literal = child;
  } else {
    node.literals ??= new Map();
    node.literals.set(text, child);
  }
  return child;
}

const literalOf = (node: Node, text: string): Node | undefined =>
  node.text === text ? node.literal : node.literals?.get(text);

/** All routes that fit leniently and have an operation there, none twice. */
function routesFor(root: Node, path: RequestPath, origin: string | undefined): Route[] {
  const found: Route[] = [];
  collect(root, path.lenient, 0, found);
  // One walk comes by each node once, so it finds nothing twice.
  if (path.lenientSplit) collect(root, path.lenientSplit, 0, found);
  const all = path.lenientSplit ? [...new Set(found)] : found;
  if (origin === undefined) return all;
  return all.filter(({ byMethod }) =>
    byMethod.values().some((list) => list.some((one) => isAt(one.operation, origin))),
  );
}

/** At most as many steps as the tree has nodes. */
function collect(node: Node, segments: readonly string[], depth: number, found: Route[]): void {
  if (depth === segments.length) {
    if (node.routes) for (const route of node.routes) found.push(route);
    return;
  }
  if (node.rests)
    for (const route of node.rests) if (restFits(route.template.rest!, segments, depth)) found.push(route);
  const segment = segments[depth]!;
  const literal = literalOf(node, segment);
  if (literal) collect(literal, segments, depth + 1, found);
  if (node.patterns)
    for (const pattern of node.patterns)
      if (splitByPattern(pattern.split, segment) !== undefined) collect(pattern.node, segments, depth + 1, found);
  if (node.parameter) collect(node.parameter, segments, depth + 1, found);
}

const isAt = ({ origins }: Operation, origin: string | undefined): boolean =>
  origin === undefined || origins === undefined || origins.includes(origin);

function routed({ byMethod }: Route, method: string, origin: string | undefined): readonly RoutedOperation[] {
  const all = byMethod.get(method) ?? [];
  return origin === undefined ? all : all.filter(({ operation }) => isAt(operation, origin));
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

/** A service may look for the method first and then take a less specific path. */
function otherMethod(method: string, best: Route, found: readonly Route[], origin: string | undefined): OperationMatch {
  const upper = method.toUpperCase();
  if (method !== upper && found.some((route) => routed(route, upper, origin).length > 0))
    return ambiguous(`the method must be written ${upper}`);
  const other = found.find((route) => routed(route, method, origin).length > 0);
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
