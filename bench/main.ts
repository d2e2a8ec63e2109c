/** `npm run bench`: measures the service that `npm start` gives, beside what it is compared with. See README.md here. */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { readVersion } from '../runtime/config.ts';
import { type BarResult, judge } from './bars.ts';
import { createLab, type Lab, type Part } from './lab.ts';
import { type Options, type PartName, readOptions, usage } from './options.ts';
import { agents } from './parts/agents.ts';
import { compare } from './parts/compare.ts';
import { containers } from './parts/containers.ts';
import { egress } from './parts/egress.ts';
import { languages } from './parts/languages.ts';
import { memory } from './parts/memory.ts';
import { micro } from './parts/micro.ts';
import { python } from './parts/python.ts';
import { split } from './parts/split.ts';
import { start } from './parts/start.ts';
import { steps } from './parts/steps.ts';
import { store } from './parts/store.ts';
import { stream } from './parts/stream.ts';
import { createProcesses } from './processes.ts';
import { root } from './service.ts';
import { renderTable } from './table.ts';

const parts: Record<PartName, (lab: Lab) => Promise<Part>> = {
  compare,
  split,
  agents,
  languages,
  python,
  containers,
  egress,
  stream,
  steps,
  store,
  memory,
  start,
  micro,
};
const say = (line: string) => void process.stderr.write(`${line}\n`);

async function main(options: Options): Promise<number> {
  const processes = createProcesses(root);
  const end = (code: number) => void processes.close().then(() => process.exit(code));
  process.once('SIGINT', () => end(130));
  process.once('SIGTERM', () => end(143));
  const machine = {
    cordon: readVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    loadAverage: loadavg()[0],
    at: new Date().toISOString(),
  };
  console.log(
    `Cordon ${machine.cordon}, Node.js ${machine.node}, ${machine.cores} cores (${machine.processor}), load ${machine.loadAverage?.toFixed(2)}\n`,
  );
  try {
    const lab = createLab(processes, options.scale, say);
    const data: Record<string, unknown> = {};
    const failed: PartName[] = [];
    const bars: BarResult[] = [];
    for (const name of options.parts) {
      const part = await parts[name](lab).catch((error: Error) => {
        say(`bench: ${name} failed: ${error.message}`);
        failed.push(name);
      });
      if (!part) continue;
      if (part.judged) bars.push(...judge(part.judged));
      data[name] = part.data;
      for (const table of part.tables) console.log(renderTable(table));
    }
    if (bars.length > 0) console.log(renderTable(barTable(bars)));
    if (options.json !== undefined)
      writeFileSync(
        options.json,
        `${JSON.stringify({ machine, scale: options.scale, parts: data, failed, bars }, null, 2)}\n`,
      );
    if (failed.length > 0) return 2;
    return options.check && bars.some(({ holds }) => !holds) ? 1 : 0;
  } finally {
    await processes.close();
  }
}

const barTable = (bars: BarResult[]) => ({
  title: 'Bars',
  columns: ['', 'measured', ''],
  rows: bars.map(({ name, reason, holds }) => [name, reason, holds ? 'holds' : 'DOES NOT HOLD']),
});

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) console.log(usage);
  else process.exitCode = await main(options);
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
