/** `npm run images`: makes the images that containers are made from, on the engine that Cordon uses. */
import { parseArgs } from 'node:util';
import { readConfig } from '../../runtime/config.ts';
import { connectEngine } from '../../runtime/sandbox/container/engine.ts';
import { IMAGE_NAMES, type ImageName, imageDefinitions } from '../../runtime/sandbox/container/image-definitions.ts';
import { explain } from './build-error.ts';
import { buildImages } from './build-images.ts';
import { pruneImages } from './prune.ts';
import { createReport } from './report.ts';

const usage = `usage: npm run images -- [NAME...] [--force] [--prune]

  NAME      ${IMAGE_NAMES.join(', ')}; without any, all of them
  --force   makes again what is there already, with the newest packages
  --prune   afterwards removes older images of Cordon, and what only a later build would start from

The engine is that of CORDON_ENGINE.`;

function readCommand() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        force: { type: 'boolean', default: false },
        prune: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const unknown = positionals.find((name) => !IMAGE_NAMES.includes(name as ImageName));
    if (unknown !== undefined) throw new Error(`there is no image ${unknown}`);
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    return { ...values, wanted: positionals.length === 0 ? IMAGE_NAMES : (positionals as ImageName[]) };
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

const { wanted, force, prune } = readCommand();
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());

const start = performance.now();
let failed = false;
try {
  const { engine } = readConfig(process.env);
  if (engine === 'none') throw new Error('CORDON_ENGINE is none: there is no engine to make images on.');
  const docker = connectEngine(engine);
  await docker.ping();
  const report = createReport((text) => process.stderr.write(text), process.stderr.isTTY === true);
  const definitions = await imageDefinitions();
  const made = await buildImages({ docker, definitions, wanted, force, report, signal: stop.signal });
  if (prune) {
    const { removed, used } = await pruneImages(docker, definitions);
    report.note('prune', `removed ${removed.join(', ') || 'nothing'}`);
    if (used.length > 0) report.note('prune', `still used: ${used.join(', ')}`);
  }
  if (made.length > 0)
    report.note('images', `${made.join(', ')} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
} catch (error) {
  failed = true;
  console.error(stop.signal.aborted ? 'Stopped; what was half made is removed.' : explain(error));
}
// The connections to the engine are kept open for more questions, and would hold this process.
process.exit(stop.signal.aborted ? 130 : failed ? 1 : 0);
