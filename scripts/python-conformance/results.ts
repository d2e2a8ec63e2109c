/** Reads what the programs of this folder tell, and counts it. */
import { waiting, withoutSockets } from './modules.ts';
import type { Place, Program, Ran } from './places.ts';

export interface TestEnd {
  id: string;
  status: 'passed' | 'failed' | 'skipped';
  why?: string;
  where?: string;
}

export interface ModuleDocs {
  module: string;
  attempted: number;
  failed: number;
  skipped: number;
  failures: { at: string; example: string; why: string }[];
  /** Why the module could not be looked at. */
  why?: string;
}

interface Fact extends Partial<Omit<TestEnd, 'at'>>, Partial<Omit<ModuleDocs, 'why'>> {
  at?: string;
  ended?: true;
}

/** A test that ends the whole run is left out of the next one; past this many the module is given up. */
const MOST_RUNS = 4;

/** A program tells each fact between two record separators; what else is printed has none. */
function factsOf({ stdout }: Ran): Fact[] {
  const parts = stdout.split('\u001e').filter((part) => part.startsWith('{') && part.endsWith('}'));
  return parts.map((part) => JSON.parse(part) as Fact);
}

/** Runs one test module to its end, in as many runs as that takes. */
export async function runTests(place: Place, code: string, module: string, most = MOST_RUNS): Promise<TestEnd[]> {
  const ends = new Map<string, TestEnd>();
  for (let runs = 0; runs < most; runs++) {
    const ran = await place.run({ code, input: { module, leftOut: [...ends.keys()], withoutSockets, waiting } });
    const facts = factsOf(ran);
    for (const { id, status, why, where } of facts) {
      if (id === undefined || status === undefined) continue;
      ends.set(id, { id, status, ...(why === undefined ? {} : { why }), ...(where === undefined ? {} : { where }) });
    }
    if (ran.ended === undefined) return [...ends.values()];
    const last = facts.findLast(({ at }) => at !== undefined)?.at;
    const id = last === undefined || ends.has(last) ? `${module} (${runs})` : last;
    ends.set(id, { id, status: 'failed', why: `ended the run: ${ran.ended}` });
    if (id !== last) break;
  }
  return [...ends.values()];
}

/** Runs the examples of these modules, in as many runs as that takes. */
export async function runDoctests(place: Place, code: string, modules: readonly string[]): Promise<ModuleDocs[]> {
  const found = new Map<string, ModuleDocs>();
  for (let left = [...modules]; left.length > 0; left = left.filter((name) => !found.has(name))) {
    const program: Program = { code, input: { modules: left } };
    const ran = await place.run(program);
    const facts = factsOf(ran);
    for (const { module, attempted = 0, failed = 0, skipped = 0, failures = [], why } of facts) {
      if (module === undefined) continue;
      found.set(module, { module, attempted, failed, skipped, failures, ...(why === undefined ? {} : { why }) });
    }
    if (ran.ended === undefined) break;
    const module = facts.findLast(({ at }) => at !== undefined)?.at ?? (left[0] as string);
    found.set(module, {
      module,
      attempted: 0,
      failed: 0,
      skipped: 0,
      failures: [],
      why: `ended the run: ${ran.ended}`,
    });
  }
  return modules.flatMap((name) => found.get(name) ?? []);
}
