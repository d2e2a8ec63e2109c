/** Official clients in the image `node`: one run for each client, its files handed over with the run. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callsOf } from '../outbound/crm.ts';
import { engineAddress, noEngine } from '../sandbox/container/engine.ts';
import { bundle, runsBundle } from './bundle.ts';
import { clientCases } from './cases/all.ts';
import { expectClient } from './expectations.ts';
import { type ClientScene, startClients } from './scene.ts';

describe.skipIf(noEngine !== undefined)('in a container', () => {
  let scene: ClientScene;
  beforeAll(async () => {
    scene = await startClients(clientCases, { CORDON_ENGINE: engineAddress, CORDON_WARM_CONTAINERS: '0' });
  }, 120_000);
  afterAll(() => scene?.close(), 60_000);

  test.each(clientCases)('$client', { timeout: 120_000 }, async (one) => {
    const { service: standIn } = scene.standIns.get(one.service)!;
    const { json: record } = await scene.service.run(runsBundle, {
      ...{ agent: one.service, driver: 'container', image: 'node' },
      files: [{ path: 'program.mjs', content: await bundle(one.service) }],
    });
    expect(record.error, record.stderr).toBeUndefined();
    expect(record).toMatchObject({ status: 'succeeded', driver: 'container', image: 'node' });
    expectClient(one, record.result, await callsOf(scene.service, record.id), standIn);
    expect(JSON.stringify(record)).not.toContain(one.hidden);
  });
});
