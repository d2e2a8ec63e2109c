/** The benchmark itself, in small: real servers, a real load process. What it compares with is not downloaded for this. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const cache = join(root, 'node_modules', '.cache');
/** Folders that a benchmark with this pid made. */
const foldersOf = (pid: number | undefined): string[] =>
  existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith(`cordon-bench-${pid}-`)) : [];

test('a short benchmark prints tables, writes its figures and leaves nothing behind', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-bench-test-'));
  const file = join(folder, 'figures.json');
  const child = spawn(process.execPath, ['bench/main.ts', '--quick', '--only', 'languages,stream', '--json', file], {
    cwd: root,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(output).toMatch(
    /Languages: one agent[\s\S]*javascript, one program .*\d[\s\S]*first output of the guest .*\d/,
  );
  expect(code).toBe(0);

  const { machine, parts, bars } = JSON.parse(readFileSync(file, 'utf8'));
  expect(machine.node).toMatch(/^v\d+/);
  for (const { p50Ms, runsPerSecond } of Object.values<{ p50Ms: number; runsPerSecond: number }>(parts.languages)) {
    expect(p50Ms).toBeGreaterThan(0);
    expect(runsPerSecond).toBeGreaterThan(0);
  }
  expect(parts.stream.firstEventP50Ms).toBeLessThanOrEqual(parts.stream.endP50Ms);
  expect(bars).toEqual([]);
  expect(foldersOf(child.pid)).toEqual([]);
  rmSync(folder, { recursive: true, force: true });
});
