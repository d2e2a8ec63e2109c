/**
 * Fills the caches of an installation whose packages cannot be written later, as in an image: one start of the service,
 * one run per language, its usual end. `node deploy/prepare.ts`; fails when a run does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const programs = [
  { language: 'javascript', code: '6 * 7' },
  { language: 'typescript', code: 'enum Answer { is = 42 }\nAnswer.is' },
  { language: 'python', code: '6 * 7' },
];

const dataDir = await mkdtemp(join(tmpdir(), 'cordon-prepare-'));
const service = spawn(process.execPath, ['api/main.ts'], {
  cwd: join(import.meta.dirname, '..'),
  env: { ...process.env, CORDON_DATA: dataDir, CORDON_PORT: '0', CORDON_ENGINE: 'none' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = once(service, 'exit');
try {
  const base = await address(service);
  const key = (await readFile(join(dataDir, 'admin-key'), 'utf8')).trim();
  for (const program of programs) {
    const answer = await fetch(`${base}/v1/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(program),
    });
    const run = (await answer.json()) as { status: unknown; result?: unknown };
    if (run.result !== 42) throw new Error(`${program.language}: ${JSON.stringify(run)}`);
  }
} finally {
  service.kill('SIGTERM');
  const [code] = await ended;
  if (code !== 0) process.exitCode = 1;
  await rm(dataDir, { recursive: true, force: true });
}

/** The service prints where it listens. */
function address({ stdout }: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  stdout?.on('data', (chunk: Buffer) => {
    text += chunk;
    const base = /listens on (http:\S+)/.exec(text)?.[1];
    if (base !== undefined) resolve(base);
  });
  stdout?.once('close', () => reject(new Error('the service ended before it listened')));
  return promise;
}
