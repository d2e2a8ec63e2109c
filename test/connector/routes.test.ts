import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Service, startService } from '../api/service.ts';
import { createAuthority } from '../egress/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'cordon-connectors-'));

let service: Service;
let admin: string;
let viewer: string;
beforeAll(async () => {
  service = await startService();
  admin = await service.key('admin');
  viewer = await service.key('viewer');
}, 120_000);
afterAll(async () => {
  await service.close();
  rmSync(folder, { recursive: true, force: true });
});

const body = (id: string, more: object = {}) => ({
  id,
  auth: { type: 'bearer' },
  hosts: ['svc.example'],
  operations: [{ name: 'list', method: 'GET', path: '/things', effect: 'read' }],
  ...more,
});

test('made by an admin, read by a viewer, replaced and removed', async () => {
  expect((await service.call('POST', '/v1/connectors', { key: viewer, body: body('one') })).status).toBe(403);
  const made = await service.call('POST', '/v1/connectors', { key: admin, body: body('one') });
  expect([made.status, made.headers.get('location')]).toEqual([201, '/v1/connectors/one']);
  expect(made.json.operations).toEqual([
    { name: 'list', method: 'GET', path: '/things', effect: 'read', parameters: [] },
  ]);
  expect((await service.call('POST', '/v1/connectors', { key: admin, body: body('one') })).status).toBe(409);
  expect((await service.call('GET', '/v1/connectors/one', { key: viewer })).json).toEqual(made.json);
  const list = await service.call('GET', '/v1/connectors', { key: viewer });
  expect(list.json.items).toMatchObject([{ id: 'one', operationCount: 1 }]);
  const { id: _, ...rest } = body('one', { name: 'New' });
  expect((await service.call('PUT', '/v1/connectors/one', { key: viewer, body: rest })).status).toBe(403);
  expect((await service.call('PUT', '/v1/connectors/one', { key: admin, body: rest })).json).toMatchObject({
    name: 'New',
  });
  expect((await service.call('DELETE', '/v1/connectors/one', { key: admin })).status).toBe(204);
  expect((await service.call('GET', '/v1/connectors/one', { key: viewer })).status).toBe(404);
});

test('an OpenAPI document as YAML in a string, once per Idempotency-Key', async () => {
  const document =
    'openapi: 3.1.0\ninfo: {title: T, version: "1"}\nservers: [{url: "https://t.example"}]\npaths: {/a: {get: {}}}';
  const headers = { 'idempotency-key': 'one' };
  const ask = { key: admin, headers, body: { id: 'doc', document, auth: { type: 'none' } } };
  const made = await service.call('POST', '/v1/connectors', ask);
  expect(made.json).toMatchObject({ name: 'T', origins: ['https://t.example'], operations: [{ name: 'get/a' }] });
  const again = await service.call('POST', '/v1/connectors', ask);
  expect([again.status, again.json]).toEqual([201, made.json]);
  const wrong = await service.call('POST', '/v1/connectors', { key: admin, body: { id: 'bad', document: 'a: [' } });
  expect(wrong.json).toMatchObject({ status: 400, errors: [{ field: 'document' }] });
});

test('a document at a private address is not fetched', async () => {
  for (const url of ['https://localhost/openapi.json', 'https://127.0.0.1/', 'http://docs.example/']) {
    const refused = await service.call('POST', '/v1/connectors', { key: admin, body: { id: 'far', url } });
    expect(refused.json, url).toMatchObject({ status: 400, errors: [{ field: 'url' }] });
  }
}, 30_000);

test("where an internal service is reached is an operator's to say and to see", async () => {
  const connectTo = { address: '10.1.2.3', port: 8443, caFile: join(folder, 'internal.pem') };
  writeFileSync(connectTo.caFile, createAuthority().certPem);
  const route = '/v1/tenants/default/connectors/inside/connect-to';
  expect(
    (await service.call('POST', '/v1/connectors', { key: admin, body: body('inside', { connectTo }) })).status,
  ).toBe(403);
  await service.call('POST', '/v1/connectors', { key: admin, body: body('inside') });
  expect((await service.call('PUT', route, { key: admin, body: connectTo })).status).toBe(403);
  expect((await service.call('PUT', '/v1/tenants/none/connectors/inside/connect-to', { body: connectTo })).status).toBe(
    404,
  );
  expect((await service.call('PUT', route, { body: { ...connectTo, port: 0 } })).json).toMatchObject({
    status: 400,
    errors: [{ field: 'port' }],
  });
  for (const [name, content] of [['missing.pem'], ['key.pem', 'no certificate']] as const) {
    const caFile = join(folder, name);
    if (content !== undefined) writeFileSync(caFile, content);
    const wrong = { ...connectTo, caFile };
    expect((await service.call('PUT', route, { body: wrong })).json.errors).toMatchObject([{ field: 'caFile' }]);
    const made = await service.call('POST', '/v1/connectors', { body: body('other', { connectTo: wrong }) });
    expect(made.json.errors).toMatchObject([{ field: 'connectTo.caFile' }]);
  }
  expect((await service.call('PUT', route, { body: connectTo })).json).toMatchObject({ connectTo });
  expect((await service.call('GET', '/v1/connectors/inside')).json).toMatchObject({ connectTo });
  for (const path of ['/v1/connectors/inside', '/v1/connectors']) {
    const seen = await service.call('GET', path, { key: admin });
    expect(seen.text).not.toContain('10.1.2.3');
    expect(seen.text).not.toContain('internal.pem');
  }
  expect((await service.call('DELETE', route)).status).toBe(204);
  expect((await service.call('GET', '/v1/connectors/inside')).json).not.toHaveProperty('connectTo');
});

test('the catalog, and a connector made from it', async () => {
  const { json } = await service.call('GET', '/v1/catalog', { key: viewer });
  expect(json.items.map(({ name }: { name: string }) => name)).toContain('slack');
  expect(json.items[0]).not.toHaveProperty('operations');
  const slack = await service.call('GET', '/v1/catalog/slack', { key: viewer });
  expect(slack.json.operations.length).toBe(
    json.items.find(({ name }: { name: string }) => name === 'slack').operationCount,
  );
  expect((await service.call('GET', '/v1/catalog/nothing', { key: viewer })).status).toBe(404);
  const made = await service.call('POST', '/v1/connectors', { key: admin, body: { id: 'slack', catalog: 'slack' } });
  expect(made.status).toBe(201);
  expect(made.json.operations.length).toBe(slack.json.operations.length);
});
