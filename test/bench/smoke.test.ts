/** The benchmark itself, in small: real servers, a real load process. What it compares with is not downloaded for this. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { containersOf, engineAddress, noEngine } from '../sandbox/container/engine.ts';

const root = join(import.meta.dirname, '../..');
const cache = join(root, 'node_modules', '.cache');
/** Folders that a benchmark with this pid made. */
const foldersOf = (pid: number | undefined): string[] =>
  existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith(`cordon-bench-${pid}-`)) : [];

/** Runs the benchmark; answers its exit code, what it printed and the figures that it wrote. */
async function bench(args: string[], env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-bench-test-'));
  const file = join(folder, 'figures.json');
  const child = spawn(process.execPath, ['bench/main.ts', '--quick', '--json', file, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const figures = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  rmSync(folder, { recursive: true, force: true });
  return { code, output, figures, pid: child.pid };
}

test('a short benchmark prints tables and figures and leaves nothing behind', { timeout: 180_000 }, async () => {
  const { code, output, figures, pid } = await bench(['--only', 'languages,stream']);
  expect(output).toMatch(
    /Languages: one agent[\s\S]*javascript, one program .*\d[\s\S]*first output of the guest .*\d/,
  );
  expect(code).toBe(0);

  const { machine, parts, bars } = figures;
  expect(machine.node).toMatch(/^v\d+/);
  for (const { p50Ms, runsPerSecond } of Object.values<{ p50Ms: number; runsPerSecond: number }>(parts.languages)) {
    expect(p50Ms).toBeGreaterThan(0);
    expect(runsPerSecond).toBeGreaterThan(0);
  }
  expect(parts.stream.firstEventP50Ms).toBeLessThanOrEqual(parts.stream.endP50Ms);
  expect(bars).toEqual([]);
  expect(foldersOf(pid)).toEqual([]);
});

test('the part of Python gives every bar of it a figure', { timeout: 180_000 }, async () => {
  const { code, output, figures, pid } = await bench(['--only', 'python']);
  expect(output).toMatch(/Clean Python runs of one agent[\s\S]*16 callers .*\d[\s\S]*A fresh interpreter/);
  expect(code).toBe(0);
  expect(figures.bars.map(({ bar }: { bar: { subject: string } }) => bar.subject)).toEqual([
    'python',
    'interpreter in an isolate',
    'python',
  ]);
  for (const { value } of figures.bars) expect(value).toEqual(expect.any(Number));
  for (const { clean } of figures.parts.python.overHttp)
    for (const { perWorkersCpuSecond, perCpuSecond } of clean)
      expect(perWorkersCpuSecond).toBeGreaterThan(perCpuSecond);
  expect(foldersOf(pid)).toEqual([]);
});

test('the part of egress gives every bar of it a figure', { timeout: 300_000 }, async () => {
  const { code, output, figures, pid } = await bench(['--only', 'egress']);
  expect(output).toMatch(/one at a time, ms[\s\S]*write, HTTP\/1\.1, 0 ms .*\d[\s\S]*32 in flight[\s\S]*guest's fetch/);
  expect(code).toBe(0);
  expect(figures.bars).toHaveLength(8);
  for (const { value } of figures.bars) expect(value).toEqual(expect.any(Number));
  for (const { kind, straight, gate } of figures.parts.egress.rounds.flat())
    for (const { p50Ms, callsPerSecond } of [straight, gate]) {
      expect(p50Ms).toBeGreaterThan(kind.serviceMs * 0.9);
      expect(callsPerSecond).toBeGreaterThan(0);
    }
  expect(foldersOf(pid)).toEqual([]);
});

test('without an engine the part of containers says why, and its bars do not hold', { timeout: 60_000 }, async () => {
  const { code, output, figures } = await bench(['--only', 'containers', '--check'], { CORDON_ENGINE: 'none' });
  expect(output).toContain('containers are skipped: CORDON_ENGINE=none');
  expect(code).toBe(1);
  expect(figures.bars.map(({ holds, reason }: { holds: boolean; reason: string }) => [holds, reason])).toEqual(
    Array(3).fill([false, 'CORDON_ENGINE=none']),
  );
});

test.skipIf(noEngine !== undefined)(
  'the part of containers gives every bar of it a figure, and leaves no container',
  { timeout: 600_000 },
  async () => {
    const { code, output, figures, pid } = await bench(['--only', 'containers'], { CORDON_ENGINE: engineAddress });
    expect(output).toMatch(/cordon, warm container .*\d[\s\S]*8 callers .*\d[\s\S]*base, runc .*\d/);
    expect(code).toBe(0);
    for (const { value } of figures.bars) expect(value).toEqual(expect.any(Number));
    expect(figures.parts.containers.burst).toMatchObject({ succeeded: 50, wrong: [] });
    for (const installation of figures.parts.containers.installations)
      expect(await containersOf(installation)).toEqual([]);
    expect(foldersOf(pid)).toEqual([]);
  },
);
