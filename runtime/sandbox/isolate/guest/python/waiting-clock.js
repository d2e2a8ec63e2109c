// The clock that C code spins on to wait (`usleep`, as SQLite does while a database is busy): whoever reads it again and
// again is made to wait really, which costs no CPU time and gives the turn back. Python's own clocks are another import.
import { ask } from '../prelude/bridge.js';

const PAUSE_MS = 20;

export function createWaitingClock() {
  let last = 0;
  let reads = 0;
  return () => {
    const now = Date.now();
    reads = now - last < PAUSE_MS ? reads + 1 : 0;
    if (reads > 3) ask('sleep', { __proto__: null, ms: reads > 10 ? 8 : 1 });
    last = Date.now();
    return last;
  };
}
