import { parseArgs } from 'node:util';
import type { Scale } from './lab.ts';

export const partNames = [
  'compare',
  'split',
  'agents',
  'languages',
  'python',
  'containers',
  'egress',
  'stream',
  'steps',
  'store',
  'memory',
  'start',
  'micro',
] as const;
export type PartName = (typeof partNames)[number];
/** Those with bars. */
const judgedParts: PartName[] = ['compare', 'python', 'containers', 'egress'];

export interface Options {
  parts: PartName[];
  scale: Scale;
  check: boolean;
  json: string | undefined;
  help: boolean;
}

export const usage = `npm run bench -- [OPTION...]
  --only NAME     one part, or several: --only compare --only store (${partNames.join(', ')})
  --check         exit with 1 unless every bar of the measured parts holds (bench/bars.ts: ${judgedParts.join(', ')})
  --json FILE     also write all figures as JSON
  --rounds N      rounds of each comparison (default 5)
  --quick         short rounds: shows that everything works, proves little`;

const normal: Scale = { rounds: 5, requests: 150, loadMs: 1000, warmUpMs: 6000 };
const quick: Scale = { rounds: 1, requests: 30, loadMs: 250, warmUpMs: 250 };

/** Errors: an Error for an option that is not known. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', multiple: true },
      check: { type: 'boolean', default: false },
      json: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const only = (values.only ?? []).flatMap((list) => list.split(','));
  const unknown = only.find((name) => !partNames.includes(name as PartName));
  if (unknown !== undefined) throw new Error(`there is no part ${unknown}; there are ${partNames.join(', ')}`);
  const scale = { ...(values.quick ? quick : normal) };
  if (values.rounds !== undefined) scale.rounds = Number(values.rounds);
  if (!Number.isInteger(scale.rounds) || scale.rounds < 1) throw new Error('--rounds must be a whole number above 0');
  const parts = partNames.filter((name) => only.length === 0 || only.includes(name));
  if (values.check && !parts.some((name) => judgedParts.includes(name)))
    throw new Error(
      `--check needs the part ${new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(judgedParts)}`,
    );
  return { parts, scale, check: values.check, json: values.json, help: values.help };
}
