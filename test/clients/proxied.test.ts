/**
 * Official clients against the gate without an engine: the harness of the image `node` on this machine, a run's proxy on a
 * port of loopback. What the containers add is tested in containers.test.ts.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EgressCall } from '../../runtime/egress/egress.ts';
import { createRunProxy } from '../../runtime/egress/proxy/proxy.ts';
import { createRunCa } from '../../runtime/egress/proxy/run-ca.ts';
import { openNodeGuest } from '../sandbox/container/node-guest-bench.ts';
import { bundle, runsBundle } from './bundle.ts';
import { clientCases } from './cases/all.ts';
import { expectClient } from './expectations.ts';
import { type ClientScene, startClients } from './scene.ts';

let scene: ClientScene;
let guest: Awaited<ReturnType<typeof openNodeGuest>>;
beforeAll(async () => {
  [scene, guest] = await Promise.all([startClients(clientCases), openNodeGuest()]);
}, 120_000);
afterAll(async () => {
  guest?.close();
  await scene?.close();
});

test.each(clientCases)('$client', { timeout: 60_000 }, async (one) => {
  const standIn = scene.standIns.get(one.service)!;
  const calls: EgressCall[] = [];
  const egress = scene.service.runtime.gate.open({
    owner: { tenant: 'default', agent: one.service },
    runId: `run_of_${one.service}`,
    user: undefined,
    limits: { egressRequests: 100, egressBytes: 10_000_000 },
    onCall: (call) => void calls.push(call),
    onWaiting() {},
  });
  const ca = await createRunCa({ nowMs: Date.now(), wallMs: 60_000 });
  const proxy = createRunProxy({ egress, ca, bodyBytes: 1024 * 1024 });
  const server = createServer(proxy.onConnection).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'cordon-client-'));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, ca.certPem);
  const address = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  try {
    const { end, stderr } = await guest.run('javascript', runsBundle, {
      files: { 'program.mjs': await bundle(one.service) },
      env: { https_proxy: address, HTTPS_PROXY: address, NODE_EXTRA_CA_CERTS: caFile },
      stopAfterMs: 45_000,
    });
    expect(end?.error, stderr).toBeUndefined();
    await egress.close();
    expectClient(one, end.result, calls, standIn.service);
  } finally {
    await egress.close();
    proxy.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
