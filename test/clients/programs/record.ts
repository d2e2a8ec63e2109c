/** What a program of a client tells of its calls: one after the other, each with what it gave or how it failed. */

export interface CallTold {
  call: string;
  result?: unknown;
  /** What a user of the client can read, by where it stands: `error.message`, `error.body.error.message`. */
  error?: Record<string, string>;
}

/** Goes on after a call that failed, and gives undefined for it. */
export type Call = <T>(name: string, make: () => Promise<T> | T) => Promise<T>;

export async function record(program: (call: Call) => Promise<void>): Promise<CallTold[]> {
  const told: CallTold[] = [];
  await program(async (call, make) => {
    try {
      const result = await make();
      told.push({ call, ...(result === undefined ? {} : { result }) });
      return result;
    } catch (error) {
      told.push({ call, error: Object.fromEntries(textsIn(error, 'error', 4)) });
      return undefined as never;
    }
  });
  return told;
}

/** All texts of an error: its name, its message, and what its class put beside them. */
function textsIn(value: unknown, path: string, depth: number): [string, string][] {
  if (typeof value === 'string') return [[path, value.slice(0, 2000)]];
  if (typeof value !== 'object' || value === null || depth === 0 || ArrayBuffer.isView(value)) return [];
  // AWS hides its answer.
  const names =
    value instanceof Error ? ['name', 'message', 'cause', '$response', ...Object.keys(value)] : Object.keys(value);
  return [...new Set(names)].slice(0, 50).flatMap((name) => {
    try {
      return textsIn((value as Record<string, unknown>)[name], `${path}.${name}`, depth - 1);
    } catch {
      return [];
    }
  });
}
