import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import type { RunRecord } from '../../runtime/run/record.ts';
import { createRunStore } from '../../runtime/run/run-store.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import { openDataDir } from '../../runtime/store/data-dir.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import { listProcesses, workerPids } from '../attacks/processes.ts';
import { ask, killServer, run, type Server, startServer } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'cordon-crash-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the writers do, each at least once. */
const kinds = ['run', 'queued', 'file', 'deleted file', 'memory'] as const;

const KILLS = process.env.CORDON_TEST_LONG ? 50 : 3;

/** One line of the writer's log: what the service acknowledged. */
type Acknowledged =
  | { what: 'run'; id: string; status: string; result: unknown }
  | { what: 'queued'; id: string }
  | { what: 'file'; path: string; text: string }
  | { what: 'deleted file'; path: string }
  /** A deletion that was asked for and not answered: both ends are right. */
  | { what: 'unknown file'; path: string }
  | { what: 'memory'; key: string; value: unknown; revision: number };

function startWriter(server: Server, log: string, round: number): ChildProcess {
  return fork(join(import.meta.dirname, 'writer.ts'), [server.url, server.key, log, String(round)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

describe('kill -9 of the service', () => {
  test(
    `at ${KILLS} random instants loses nothing that was acknowledged`,
    { timeout: 60_000 + KILLS * 10_000 },
    async () => {
      const dataDir = join(folder, 'data');
      const log = join(folder, 'acknowledged.log');
      let server = await startServer(dataDir);
      await ask(server, 'POST', '/v1/agents', { id: 'writer' });
      const counts = { run: 0, queued: 0, file: 0, 'deleted file': 0, 'unknown file': 0, memory: 0 };
      for (let kill = 0; kill < KILLS; kill++) {
        const writer = startWriter(server, log, kill);
        // The instant is random from the first acknowledgement on, in the first round from the first of each kind on:
        // on a busy machine the writer may take a while.
        const awaited = kill === 0 ? kinds.map((what) => `{"round":0,"what":"${what}"`) : [`{"round":${kill},`];
        const writes = () => {
          const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
          return awaited.filter((start) => !text.includes(start));
        };
        await expect.poll(writes, { timeout: 20_000, interval: 10 }).toEqual([]);
        await sleep(Math.random() * 900);
        const workers = workerPids(server.pid);
        await killServer(server);
        writer.disconnect();
        await new Promise((resolve) => writer.once('exit', resolve));
        // A killed worker is gone when the kernel has taken its memory back.
        await expect
          .poll(() =>
            listProcesses()
              .filter(({ pid, command }) => workers.includes(pid) && command.includes('worker/main.js'))
              .map(({ pid }) => pid),
          )
          .toEqual([]);

        server = await startServer(dataDir);
        const acknowledged = readFileSync(log, 'utf8')
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Acknowledged & { round: number });
        const files = new Map<string, string | undefined>();
        const memory = new Map<string, Acknowledged & { what: 'memory' }>();
        for (const fact of acknowledged) {
          if (fact.what === 'file') files.set(fact.path, fact.text);
          else if (fact.what === 'deleted file') files.set(fact.path, undefined);
          else if (fact.what === 'unknown file') files.delete(fact.path);
          else if (fact.what === 'memory') memory.set(fact.key, fact);
          if (fact.round !== kill) continue;
          counts[fact.what]++;
          if (fact.what === 'run') {
            const { status, json } = await ask(server, 'GET', `/v1/runs/${fact.id}`);
            expect([status, json.status, json.result]).toEqual([200, fact.status, fact.result]);
          } else if (fact.what === 'queued') {
            // It ran to its end before the kill, ran when it happened, or waited and runs now: it never vanishes.
            const { status, json } = await ask(server, 'GET', `/v1/runs/${fact.id}`);
            expect(status).toBe(200);
            if (json.status === 'interrupted') expect(json.error.name).toBe('ServiceRestarted');
            else expect(['queued', 'running', 'succeeded']).toContain(json.status);
          }
        }
        // Paths and keys are written once each, but for those that are overwritten: there a later, unacknowledged write may stand.
        for (const [path, text] of files) {
          const { status, text: kept } = await ask(server, 'GET', `/v1/agents/writer/files/${path}`);
          if (text === undefined) expect([path, status]).toEqual([path, 404]);
          else expect([path, status, kept]).toEqual([path, 200, text]);
        }
        for (const [key, fact] of memory) {
          const { status, json, headers } = await ask(server, 'GET', `/v1/agents/writer/memory/${key}`);
          expect(status).toBe(200);
          const revision = Number(headers.get('etag')?.replaceAll('"', ''));
          expect(revision).toBeGreaterThanOrEqual(fact.revision);
          if (revision === fact.revision) expect(json).toEqual(fact.value);
        }
        expect((await run(server, 'default', '1+1')).json).toMatchObject({ status: 'succeeded', result: 2 });
      }
      await killServer(server);
      expect(Math.min(...kinds.map((what) => counts[what])), JSON.stringify(counts)).toBeGreaterThan(0);
    },
  );

  test(
    'running runs are interrupted with ServiceRestarted, queued ones run, no worker survives',
    { timeout: 60_000 },
    async () => {
      const dataDir = join(folder, 'running');
      let server = await startServer(dataDir);
      await ask(server, 'POST', '/v1/agents', { id: 'one', quotas: { concurrentRuns: 1 } });
      const submit = (code: string, more: object = {}) => run(server, 'one', code, { prefer: 'respond-async' }, more);
      const running = (await submit("console.log('on'); await new Promise(() => {})")).json.id;
      const queued = (await submit("'waited'")).json.id;
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('base64');
      const files = [
        { path: 'of/the request.txt', content: 'kept \u00e9' },
        { path: 'bytes.bin', content: bytes, encoding: 'base64' },
      ];
      const readsFiles = `import { readFileSync } from 'node:fs';
        [readFileSync('of/the request.txt', 'utf8'), readFileSync('bytes.bin', 'base64')];`;
      const withFiles = (await submit(readsFiles, { files })).json.id;
      await expect.poll(async () => (await ask(server, 'GET', `/v1/runs/${running}`)).json.status).toBe('running');
      const workers = workerPids(server.pid);
      expect(workers.length).toBeGreaterThan(0);
      await killServer(server);
      await expect.poll(() => listProcesses().filter(({ pid }) => workers.includes(pid))).toEqual([]);
      server = await startServer(dataDir);
      expect((await ask(server, 'GET', `/v1/runs/${running}`)).json).toMatchObject({
        status: 'interrupted',
        error: { name: 'ServiceRestarted' },
      });
      await expect
        .poll(async () => (await ask(server, 'GET', `/v1/runs/${queued}`)).json)
        .toMatchObject({ status: 'succeeded', result: 'waited' });
      await expect
        .poll(async () => (await ask(server, 'GET', `/v1/runs/${withFiles}`)).json)
        .toMatchObject({ status: 'succeeded', result: ['kept \u00e9', bytes] });
      await killServer(server);
    },
  );

  test(
    'the service is ready in under a second with 10,000 runs recorded (fuse at ten)',
    { timeout: 60_000 },
    async () => {
      const dir = join(folder, 'many');
      await killServer(await startServer(dir));
      await recordRuns(dir, 10_000);
      const server = await startServer(dir);
      console.log(`ready after ${Math.round(server.readyMs)} ms with 10,000 runs recorded`);
      expect(server.readyMs).toBeLessThan(10_000);
      const { json } = await ask(server, 'GET', '/v1/runs?limit=200');
      expect(json.items).toHaveLength(200);
      await killServer(server);
    },
  );
});

async function recordRuns(dir: string, count: number): Promise<void> {
  const dataDir = await openDataDir(dir);
  const store = await openStore({ dir: dataDir.storeDir, durability: 'process', minimumFreeBytes: 0 });
  const runStore = createRunStore(store);
  for (let at = 0; at < count; at += 500)
    await Promise.all(
      Array.from({ length: 500 }, (_, n) =>
        runStore.finished(record(at + n), [{ seq: 1, at: new Date().toISOString(), type: 'queued' }], false),
      ),
    );
  await store.close();
  await dataDir.close();
}

function record(n: number): RunRecord {
  const at = new Date(Date.now() - 60_000 + n).toISOString();
  return {
    id: `run_0${String(n).padStart(25, '0')}`,
    tenant: 'default',
    agent: 'default',
    language: 'javascript',
    driver: 'isolate',
    status: 'succeeded',
    result: n,
    stdout: 'x'.repeat(200),
    stderr: '',
    stdoutTruncated: false,
    stderrTruncated: false,
    usage: {
      wallMs: 1,
      queueMs: 1,
      cpuMs: 1,
      ramPeakBytes: 1,
      outputBytes: 1,
      filesChanged: 0,
      memoryOps: 0,
      egressRequests: 0,
    },
    filesChanged: [],
    limits: defaultLimits,
    walls: [],
    codeSha256: '0'.repeat(64),
    metadata: {},
    traceId: '0'.repeat(32),
    createdAt: at,
    startedAt: at,
    finishedAt: at,
  };
}
