/** What a query means for which operation a request is. */
import type { RoutedOperation } from './operation-matcher.ts';

/** Ways of services to name another method in the query; case does not matter. */
const overrides = new Set([
  '_method',
  '_httpmethod',
  '$httpmethod',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
]);

/** Why a query is refused whatever the operation: it asks the service to take another method. */
export function overridesMethod(search: string): string | undefined {
  if (search.length < 2) return undefined;
  // `;` parts parameters for some servers.
  for (const name of new URLSearchParams(search.replaceAll(';', '&')).keys())
    if (overrides.has(looseName(name))) return 'the query asks for another method';
  return undefined;
}

/** Of operations with one method and path the one that a query selects; undefined: none; text: why it cannot be told. */
export function chooseByQuery(
  candidates: readonly RoutedOperation[],
  search: string,
): RoutedOperation | string | undefined {
  const [only] = candidates as [RoutedOperation, ...RoutedOperation[]];
  if (candidates.length === 1 && only.template.query.length === 0 && !only.operation.strictQuery) return only;
  if (candidates.every(({ operation }) => operation.rpc)) return only;
  if (/;|%00/.test(search)) return 'the query holds a ; or a zero byte';
  const given = [...new URLSearchParams(search)];
  const byName = givenByName(given);
  const fitting: RoutedOperation[] = [];
  for (const candidate of candidates) {
    const fits = fitsQuery(candidate, byName);
    if (typeof fits === 'string') return fits;
    if (fits) fitting.push(candidate);
  }
  // One asks for more than the others: `?uploads` beside none.
  const demands = (candidate: RoutedOperation) => candidate.template.query.length;
  const best = fitting.reduce<RoutedOperation | undefined>(
    (a, b) => (a && demands(a) >= demands(b) ? a : b),
    undefined,
  );
  if (!best) return undefined;
  const covers = (other: RoutedOperation) =>
    demands(other) < demands(best) &&
    other.template.query.every(({ name }) => best.template.query.some((wanted) => wanted.name === name));
  const rival = fitting.find((other) => other !== best && !covers(other));
  if (rival) return `the request is ${best.operation.name} and ${rival.operation.name} alike`;
  return best.operation.strictQuery ? (unlisted(best, given) ?? best) : best;
}

/** What the query gives under one name, in any spelling. */
interface Given {
  names: Set<string>;
  count: number;
  /** How often each value is given, as written. */
  values: Map<string, number>;
  lowerValues: Set<string>;
}

/** Read once: there may be thousands of candidates, and of parameters. */
function givenByName(given: readonly [string, string][]): Map<string, Given> {
  const byName = new Map<string, Given>();
  for (const [name, value] of given) {
    const loose = looseName(name);
    const one = byName.get(loose) ?? { names: new Set(), count: 0, values: new Map(), lowerValues: new Set() };
    byName.set(loose, one);
    one.names.add(name);
    one.count++;
    one.values.set(value, (one.values.get(value) ?? 0) + 1);
    one.lowerValues.add(value.toLowerCase());
  }
  return byName;
}

function fitsQuery({ template }: RoutedOperation, given: ReadonlyMap<string, Given>): boolean | string {
  for (const { name, value } of template.query) {
    const same = given.get(looseName(name));
    if (!same) return false;
    if (same.names.size > 1 || !same.names.has(name)) return `the query spells ${name} in another way`;
    if (value === undefined) continue;
    const equal = same.values.get(value) ?? 0;
    if (equal === 0 && !same.lowerValues.has(value.toLowerCase())) return false;
    if (equal !== same.count) return `the query gives ${name} more than once or in another spelling`;
  }
  return true;
}

function unlisted({ template, operation }: RoutedOperation, given: [string, string][]): string | undefined {
  const listed = (name: string) =>
    template.query.some((wanted) => wanted.name === name) ||
    operation.parameters.some((parameter) => parameter.in === 'query' && parameter.name === name);
  const odd = given.find(([name]) => !listed(name));
  return odd && `the query parameter ${odd[0].slice(0, 100)} is not one of ${operation.name}`;
}

const looseName = (name: string) => name.normalize('NFKC').trim().toLowerCase();
