import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Amount } from './allowance.ts';
import type { Gate, Name } from './gate.ts';

/** Guests cannot make trees deeper than the gate goes; what something else left below is not counted. */
const DEPTH = 1024;

/** Counts what an agent's files take, foreign entries included. Apparent sizes; directories count as files. */
export async function countUsage(gate: Gate): Promise<Amount> {
  const used: Amount = { bytes: 0, files: 0 };
  const stack: Name[][] = [[]];
  for (let parts = stack.pop(); parts !== undefined; parts = stack.pop()) {
    const directory = gate.open(parts, 'scandir', '/workspace');
    try {
      for (const name of await gate.names(directory)) {
        const stat = gate.look(directory, name);
        if (stat === undefined) continue;
        used.files++;
        if (used.files % 500 === 0) await nextTurn();
        if (stat.isFile()) used.bytes += Number(stat.size);
        else if (stat.isDirectory() && parts.length < DEPTH) stack.push([...parts, name]);
      }
    } finally {
      gate.close(directory);
    }
  }
  return used;
}
