import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Service, slowCode, startService } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

test('queued runs go by the concurrentRuns that their agent has now', async () => {
  await service.call('POST', '/v1/agents', { body: { id: 'narrow', quotas: { concurrentRuns: 1 } } });
  const ids: string[] = [];
  for (let at = 0; at < 4; at++) {
    const { json } = await service.run(slowCode(20_000), { agent: 'narrow' }, { headers: { prefer: 'respond-async' } });
    ids.push(json.id);
  }
  const running = async () => {
    const records = await Promise.all(ids.map(async (id) => (await service.call('GET', `/v1/runs/${id}`)).json));
    return records.filter(({ status }) => status === 'running').map(({ id }) => id);
  };
  await expect.poll(running).toEqual(ids.slice(0, 1));
  await service.call('PATCH', '/v1/agents/narrow', { body: { quotas: { concurrentRuns: 3 } } });
  await expect.poll(running).toEqual(ids.slice(0, 3));
  await service.call('PATCH', '/v1/agents/narrow', { body: { quotas: { concurrentRuns: 2 } } });
  await service.call('POST', `/v1/runs/${ids[0]}/cancel`);
  await expect.poll(running).toEqual(ids.slice(1, 3));
  await service.call('POST', `/v1/runs/${ids[1]}/cancel`);
  await expect.poll(running).toEqual(ids.slice(2, 4));
  await service.call('DELETE', '/v1/agents/narrow');
});
