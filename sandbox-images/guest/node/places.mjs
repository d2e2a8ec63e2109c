// Where things lie. The harness may be told other places on its own command line; every other process knows only these.
import { join } from 'node:path';

const places = { __proto__: null, door: '/run/cordon/door.sock', workspace: '/workspace', program: '/tmp/.cordon' };

/** Whether this process is the main process of a run: it alone holds the barrier's descriptors and tells the end. */
export const isHarness = process.argv[1] === join(import.meta.dirname, 'run.cjs');

if (isHarness) {
  for (const argument of process.argv.slice(2)) {
    const [, name, value] = /^--(door|workspace|program)=(.+)$/.exec(argument) ?? [];
    if (name !== undefined) places[name] = value;
  }
}

/** The Unix socket on which Cordon listens. */
export const { door } = places;
/** The folder as whose `main.js` or `main.ts` the program runs. */
export const { workspace } = places;
/** The folder that holds `main.js` or `main.ts`, `input.json` and `limits.json`. */
export const { program } = places;
/** Packages of the image, by name. */
export const packages = '/usr/local/lib/node_modules';
