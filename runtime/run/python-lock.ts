/** The list that stands beside the Python packages of an operator: what may be served, and the hash it must have. */
export const pythonLockName = 'cordon-python.json';

/** PEP 503: names of distributions are compared in this form. */
export const normalName = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-');

/** What a Python `import` statement can name; NFKC is the only further step that Python itself takes. */
export const isPythonName = (name: string): boolean =>
  name.length <= 200 && /^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(name);

export interface PythonDistribution {
  /** In its normal form. */
  name: string;
  version: string;
  /** A bare file name: no entry can point out of the folder. */
  fileName: string;
  sha256: string;
  /** Top-level modules. */
  imports: string[];
  /** Distributions; one that is not listed itself is left out when this one is loaded. */
  depends: string[];
  /** `dynlib`: a shared library that other packages link to, unpacked where the dynamic linker looks. */
  installDir: 'site' | 'dynlib';
}

export interface PythonLock {
  format: 1;
  distributions: PythonDistribution[];
}

type Check = (value: unknown) => boolean;

const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= 1000 && value.every(check);

const isName = matches(/^[a-z0-9]([a-z0-9-]{0,198}[a-z0-9])?$/);
const fields: Record<keyof PythonDistribution, Check> = {
  name: isName,
  version: matches(/^\S{1,100}$/),
  fileName: matches(/^[A-Za-z0-9][\w.+!~-]{0,250}\.(whl|zip)$/),
  sha256: matches(/^[0-9a-f]{64}$/),
  imports: listOf((value) => typeof value === 'string' && isPythonName(value)),
  depends: listOf(isName),
  installDir: (value) => value === 'site' || value === 'dynlib',
};

const MAX_DISTRIBUTIONS = 10_000;

/** Errors: Error that says what is wrong with the text. */
export function parsePythonLock(text: string): PythonLock {
  const { format, distributions } = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  if (format !== 1) throw new Error('format must be 1');
  if (!Array.isArray(distributions) || distributions.length > MAX_DISTRIBUTIONS)
    throw new Error(`distributions must be an array of at most ${MAX_DISTRIBUTIONS} entries`);
  const seen = new Set<string>();
  for (const [at, entry] of distributions.entries()) {
    const given = (entry ?? {}) as Record<string, unknown>;
    for (const [field, check] of Object.entries(fields))
      if (!check(given[field])) throw new Error(`${field} of distributions[${at}] is not right`);
    for (const field of Object.keys(given))
      if (!Object.hasOwn(fields, field)) throw new Error(`distributions[${at}] has an unknown ${field}`);
    for (const value of [given.name, given.fileName] as string[]) {
      if (seen.has(value)) throw new Error(`${value} is listed twice`);
      seen.add(value);
    }
  }
  return { format, distributions };
}

/** The packages and all they depend on: dependencies first, each once. */
export function inLoadOrder(
  wanted: readonly PythonDistribution[],
  byName: ReadonlyMap<string, PythonDistribution>,
): PythonDistribution[] {
  const seen = new Set<string>();
  const order: PythonDistribution[] = [];
  // Iterative, because an operator's list may chain dependencies as deep as it is long.
  const stack = wanted.toReversed().map((distribution) => ({ distribution, ready: false }));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { distribution, ready } = next;
    if (ready) order.push(distribution);
    if (ready || seen.has(distribution.name)) continue;
    seen.add(distribution.name);
    stack.push({ distribution, ready: true });
    for (const name of distribution.depends.toReversed()) {
      const dependency = byName.get(name);
      if (dependency !== undefined) stack.push({ distribution: dependency, ready: false });
    }
  }
  return order;
}
