/** The service with an engine of the test's own, and what tests of trouble ask of both. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { expect } from 'vitest';
import { leftBehind, mountsBelow, type OwnEngine } from '../sandbox/container/trouble-engine.ts';
import { ask, killServer, run, type Server, startServer } from './server.ts';

export interface Trouble {
  engine: OwnEngine;
  server: Server;
  dataDir: string;
  /** For further data directories. */
  folder: string;
}

/** Small figures: a test makes few containers, each costs the engine time. */
export const startWithEngine = (dataDir: string, { address }: { address: string }, env: Record<string, string> = {}) =>
  startServer(dataDir, {
    CORDON_ENGINE: address,
    CORDON_CONTAINER_RUNTIME: 'runc',
    CORDON_WARM_CONTAINERS: '1',
    CORDON_MAX_CONTAINERS: '4',
    ...env,
  });

/** Submits a run of a shell's program; answers its id. */
export async function submit(server: Server, code: string, more: object = {}): Promise<string> {
  const wanted = { language: 'shell', ...more };
  const { status, json, text } = await run(server, 'default', code, { prefer: 'respond-async' }, wanted);
  expect([status, text]).toEqual([202, text]);
  return json.id;
}

export const record = async (server: Server, id: string) => (await ask(server, 'GET', `/v1/runs/${id}`)).json;
export const statusOf = async (server: Server, id: string): Promise<string> => (await record(server, id)).status;
export const untilStatus = (server: Server, id: string, status: string, timeout = 20_000) =>
  expect.poll(() => statusOf(server, id), { timeout, interval: 20 }).toBe(status);

/** What prints first and then goes on. */
export const endless = 'echo on; while :; do sleep 0.1; done';

export const report = async (server: Server) =>
  (await ask(server, 'GET', '/v1/drivers')).json.items.find(({ driver }: { driver: string }) => driver === 'container');

/** Until containers can be had and the warm one is ready. */
export async function untilReady(server: Server, { running = 0 } = {}): Promise<void> {
  const state = async () => {
    const { available, walls, sandboxes } = await report(server);
    return { available, isProved: walls.length > 0, ...sandboxes };
  };
  const ready = { available: true, isProved: true, blankWorkers: 1, running, workers: 1 + running };
  await expect.poll(state, { timeout: 30_000, interval: 50 }).toEqual(ready);
}

/** One run that shows that containers work. */
export async function works(server: Server): Promise<void> {
  const { json } = await run(server, 'default', 'echo works', {}, { language: 'shell' });
  expect(json).toMatchObject({ status: 'succeeded', stdout: 'works\n' });
}

/** Isolates answer, whatever becomes of containers. */
export async function isolatesGoOn(server: Server): Promise<void> {
  expect((await ask(server, 'GET', '/healthz')).status).toBe(200);
  expect((await run(server, 'default', '6 * 7')).json).toMatchObject({ status: 'succeeded', result: 42 });
}

type Held = Pick<Trouble, 'engine' | 'server' | 'dataDir'>;

/** Idle, the service holds its warm container and nothing else: no other container, slot or guest's process. */
export async function holdsOnlyTheWarmOne({ engine, server, dataDir }: Held): Promise<void> {
  await untilReady(server);
  const held = async () => ({
    containers: (await engine.containers()).length,
    slots: leftBehind(dataDir).slots.length,
    // Its supervisor.
    guests: engine.guests().length,
  });
  await expect.poll(held, { timeout: 10_000, interval: 50 }).toEqual({ containers: 1, slots: 1, guests: 1 });
}

/** Ends the service as an operator does, and looks for what is left. */
export async function endsCleanly({ engine, server, dataDir }: Held): Promise<void> {
  server.child.kill('SIGTERM');
  expect(await server.exited).toEqual({ code: 0, signal: null });
  expect(await engine.containers()).toEqual([]);
  expect(engine.guests()).toEqual([]);
  // The kernel lets go of a loop device a moment after its last use.
  await expect.poll(() => leftBehind(dataDir)).toEqual({ mounts: [], loops: [], slots: [] });
}

/** For the end of a test that failed, too. */
export async function tidy(folder: string, ...servers: (Server | undefined)[]): Promise<void> {
  for (const server of servers) if (server) await killServer(server);
  for (const point of mountsBelow(folder).reverse()) execFileSync('umount', ['-l', point]);
  rmSync(folder, { recursive: true, force: true });
}
