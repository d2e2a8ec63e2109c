/** The secret is in no byte of a worker's memory, before, during and after a call that used it: what a core dump would hold. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Crm, crmHost, crmToken, startCrm } from './crm.ts';
import { spellings } from './secret-search.ts';

const isRoot = process.getuid?.() === 0;
const marker = 'what-the-guest-may-know-4c1f';

let crm: Crm;
beforeAll(async () => {
  crm = await startCrm();
  await crm.agent('reader', [{ operations: ['contacts.*:read'] }]);
});
afterAll(() => crm.close());

/** Processes below this one that run a worker, wrappers of its walls included. */
function workers(): number[] {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const below = new Set([process.pid]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const [pid, parent] of rows)
      if (below.has(parent) && !below.has(pid)) {
        below.add(pid);
        grew = true;
      }
  }
  below.delete(process.pid);
  return [...below];
}

/** Which of these texts lie in the writable memory of a process. */
function found(pid: number, texts: string[]): string[] {
  const seen = new Set<string>();
  let memory: number;
  let maps: string;
  try {
    maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
    memory = openSync(`/proc/${pid}/mem`, 'r');
  } catch {
    // It ended meanwhile.
    return [];
  }
  const needles = texts.map((text) => [text, Buffer.from(text)] as const);
  // As V8 keeps text that is not Latin-1.
  needles.push([crmToken, Buffer.from(crmToken, 'utf16le')]);
  const piece = Buffer.alloc(4 * 1024 * 1024);
  for (const [, from, to] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
    const [start, end] = [Number.parseInt(from as string, 16), Number.parseInt(to as string, 16)];
    for (let at = start; at < end; at += piece.length - 256) {
      try {
        const bytes = readSync(memory, piece, 0, Math.min(piece.length, end - at), at);
        const read = piece.subarray(0, bytes);
        for (const [text, needle] of needles) if (read.includes(needle)) seen.add(text);
      } catch {
        // Reserved, and never touched.
        break;
      }
    }
  }
  closeSync(memory);
  return [...seen];
}

test.skipIf(!isRoot)(
  `of no worker${isRoot ? '' : ' (skipped: only root reads the memory of other processes)'}`,
  { timeout: 120_000 },
  async () => {
    const before = new Set(workers());
    expect(before.size).toBeGreaterThan(0);
    const code = `
      import { memory } from 'cordon';
      const marker = input.marker;
      const response = await fetch(input.url);
      const kept = [marker, response.status, await response.text(), [...response.headers].join()];
      while (!(await memory.get('go'))) await new Promise((resolve) => setTimeout(resolve, 100));
      kept`;
    const going = crm.run('reader', code, { input: { marker, url: `https://${crmHost}/v1/contacts` } });
    const seen = crm.standIn.requests.length;
    for (let tries = 0; crm.standIn.requests.length === seen && tries < 300; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(crm.standIn.requests.at(-1)?.headers.authorization).toBe(`Bearer ${crmToken}`);

    const texts = [marker, ...spellings(crmToken)];
    const held = workers().map((pid) => found(pid, texts));
    // The search works: the guest's own text is found.
    expect(held.flat()).toContain(marker);
    expect(held.flat().filter((text) => text !== marker)).toEqual([]);
    expect((await crm.service.call('PUT', '/v1/agents/reader/memory/go', { body: true })).status).toBe(201);
    expect((await going).result.slice(0, 2)).toEqual([marker, 200]);
  },
);
