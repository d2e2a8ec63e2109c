import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { access } from '../../api/roles.ts';
import { type Service, startService } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService({ CORDON_ADMIN_KEY: 'a-key-of-the-operator-0123456789' });
});
afterAll(() => service.close());

test('healthz and readyz answer without a key', async () => {
  expect((await service.call('GET', '/healthz', { key: null })).json).toMatchObject({ status: 'ok' });
  const { status, json } = await service.call('GET', '/readyz', { key: null });
  expect([status, json.ready, json.durability]).toEqual([200, true, 'disk']);
});

test('the configuration shows every setting and no secret', async () => {
  const { json, text } = await service.call('GET', '/v1/config');
  expect(json).toMatchObject({ adminKey: 'set', durability: 'disk', codeBytes: 1024 * 1024 });
  expect(text).not.toContain('a-key-of-the-operator');
});

test('metrics are Prometheus text with requests by route, never by id', async () => {
  await service.call('GET', '/v1/agents/default');
  const { text, headers } = await service.call('GET', '/metrics');
  expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(text).toContain('cordon_http_request_duration_seconds_count{route="GET /v1/agents/{id}",status="200"}');
});

test('drivers are listed with their languages and walls', async () => {
  const { items } = (await service.call('GET', '/v1/drivers')).json;
  expect(items[0]).toMatchObject({ driver: 'isolate', available: true });
  expect(items[0].languages.map((entry: { language: string }) => entry.language)).toContain('javascript');
});

describe('openapi.json', () => {
  test('is a 3.1 document whose references resolve and whose operations have an id and a problem', async () => {
    const { json, text } = await service.call('GET', '/openapi.json', { key: null });
    expect(json.openapi).toBe('3.1.0');
    const ids = new Set<string>();
    for (const methods of Object.values(json.paths as Record<string, Record<string, Record<string, unknown>>>)) {
      for (const operation of Object.values(methods)) {
        ids.add(String(operation.operationId));
        expect(operation.responses).toHaveProperty('default');
      }
    }
    expect(ids.size).toBe(Object.values(json.paths as object).flatMap((methods) => Object.keys(methods)).length);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(json.components.schemas).toHaveProperty(String(name));
  });

  test('says of each operation which role it needs', async () => {
    const { paths } = (await service.call('GET', '/openapi.json', { key: null })).json;
    for (const [route, role] of Object.entries(access)) {
      const [method = '', path = ''] = route.split(' ');
      const said: string = paths[path][method.toLowerCase()].description ?? '';
      const needs =
        role === 'public'
          ? 'Needs no key.'
          : role === 'operator'
            ? 'Needs the role operator.'
            : `Needs the role ${role} or a stronger one.`;
      expect([route, said.endsWith(needs)]).toEqual([route, true]);
    }
    expect(paths['/v1/connectors'].post.description).toMatch(
      /^From exactly one of .* grants do\. Needs the role admin/,
    );
  });

  test('names the bounds of limits and the strictness of bodies', async () => {
    const { components } = (await service.call('GET', '/openapi.json', { key: null })).json;
    const run = components.schemas.RunRequest;
    expect(run.additionalProperties).toBe(false);
    expect(run.required.sort()).toEqual(['code', 'language']);
    expect(run.properties.limits.properties.wallMs).toMatchObject({ type: 'integer', minimum: 1, maximum: 86_400_000 });
    expect(components.securitySchemes).toMatchObject({ bearer: { scheme: 'bearer' }, apiKey: { name: 'X-API-Key' } });
  });
});

test('the docs page loads nothing from elsewhere and its policy admits exactly its own script and style', async () => {
  const { text, headers } = await service.call('GET', '/docs', { key: null });
  expect(text).not.toMatch(/(src|href)="?(https?:)?\/\//);
  expect(() => new Function(/<script[^>]*>([\s\S]*?)<\/script>/.exec(text)?.[1] ?? '')).not.toThrow();
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  for (const tag of ['script', 'style']) {
    const inner = new RegExp(`<${tag}[^>]*>([\\s\\S]*?)</${tag}>`).exec(text)?.[1] ?? '';
    expect(policy).toContain(`${tag}-src 'sha256-${createHash('sha256').update(inner).digest('base64')}'`);
  }
});

describe('the docs page shows a body', () => {
  /** What the page's own script makes of a schema of the document. */
  async function shown(name: string): Promise<string> {
    const { text } = await service.call('GET', '/docs', { key: null });
    const { components } = (await service.call('GET', '/openapi.json', { key: null })).json;
    const script = /<script[^>]*>([\s\S]*?)<\/script>/.exec(text)?.[1] ?? '';
    const functions = script.slice(0, script.indexOf("fetch('openapi.json')"));
    const page = { createElement: () => ({ textContent: '', append() {} }) };
    const block = new Function('document', `${functions}; return block;`)(page);
    return block({ $ref: `#/components/schemas/${name}` }, components.schemas).textContent;
  }

  test('with each of the forms that a field can have', async () => {
    const connector = await shown('ConnectorInput');
    expect(connector).not.toMatch(/^ *"?\d+"?\??: /m);
    expect(connector).toContain('auth?: one of  // May be absent where the source says it');
    expect(connector).toMatch(/^ +\| \{ type: "bearer" \}$/m);
    expect(connector).toMatch(/\| \{ type: "header", name: string, prefix\?: string \}/);
    expect(connector).toMatch(/connectTo\?: \{.*\/\/ Needs a key of an operator/);
    expect(connector).toContain('effects?: { [name]: "read" | "write" | "delete" | "send" }');
  });

  test('with descriptions, defaults and bounds', async () => {
    const run = await shown('RunRequest');
    expect(run).toMatch(/wallMs\?: integer {2}\/\/ time from startedAt to the end; default 900000 ms; 1 to 86400000$/m);
    expect(run).toMatch(/agent\?: string {2}\/\/ default "default"; matches \^\[a-z0-9\]/);
    const grant = await shown('GrantInput');
    expect(grant).toMatch(
      /operations: \[string\] {2}\/\/ Names of operations.*; 1 to 200 items; each 1 to 200 characters/,
    );
    expect(grant).toMatch(/\| \{\n +pattern: string {2}\/\/ 1 to 512 characters\n +\}$/m);
  });

  test('whatever the schema, without a word that is none', async () => {
    const { components } = (await service.call('GET', '/openapi.json', { key: null })).json;
    for (const name of Object.keys(components.schemas))
      expect([name, (await shown(name)).match(/undefined|\[object|"\d+":/)]).toEqual([name, null]);
  });
});

describe('any request', () => {
  test('an unknown path is a 404 problem, with and without a key', async () => {
    for (const key of [null, service.operator]) {
      const { status, json, headers } = await service.call('GET', '/v1/nothing', { key });
      expect([status, json.code, json.status, headers.get('content-type')]).toEqual([
        404,
        'not_found',
        404,
        'application/problem+json',
      ]);
      expect(json.requestId).toBe(headers.get('x-request-id'));
    }
  });

  test('another method is a 405 problem that names the right ones', async () => {
    const { status, json, headers } = await service.call('PATCH', '/v1/runs', { body: {} });
    expect([status, json.code, headers.get('allow')]).toEqual([405, 'method_not_allowed', 'GET, POST, HEAD, OPTIONS']);
    expect((await service.call('POST', '/v1/agents/default/files/a/b', { body: '' })).headers.get('allow')).toBe(
      'GET, PUT, DELETE, HEAD, OPTIONS',
    );
  });

  test('OPTIONS names the methods and admits no other origin', async () => {
    const { status, headers } = await service.call('OPTIONS', '/v1/runs', {
      key: null,
      headers: { origin: 'https://example.org' },
    });
    expect([status, headers.get('allow')]).toEqual([204, 'GET, POST, HEAD, OPTIONS']);
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('HEAD answers as GET without a body', async () => {
    const { status, text, headers } = await service.call('HEAD', '/v1/agents/default');
    expect([status, text, headers.get('content-type')]).toEqual([200, '', 'application/json']);
    const { json } = await service.run('1');
    expect((await service.call('HEAD', `/v1/runs/${json.id}/events`)).status).toBe(200);
  });

  test('a request id of the caller is kept when it is harmless, and made otherwise', async () => {
    const idOf = async (id: string) =>
      (await service.call('GET', '/healthz', { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await idOf('my-request_1.2:3')).toBe('my-request_1.2:3');
    expect(await idOf('a"b')).toMatch(/^req_/);
    expect(await idOf('x'.repeat(129))).toMatch(/^req_/);
  });

  test('its log line has request, run and trace id, and not the code', async () => {
    const { json } = await service.run('"very private"', {}, { headers: { 'x-request-id': 'find-me' } });
    const line = service.lines
      .map((text) => JSON.parse(text))
      .find((entry) => entry.requestId === 'find-me' && entry.message === 'request');
    expect(line).toMatchObject({
      route: 'POST /v1/runs',
      status: 200,
      runId: json.id,
      traceId: json.traceId,
      tenant: 'default',
    });
    expect(service.lines.join('')).not.toContain('very private');
  });

  test('a path that is no UTF-8 is 400', async () => {
    const { status, json } = await service.call('GET', '/v1/agents/default/memory/%ff');
    expect([status, json.errors[0].field]).toEqual([400, 'path']);
  });

  test('ids that nothing can have are 404, whatever is in them', async () => {
    for (const id of ['x'.repeat(3000), '%00', '..%2f..%2fetc', 'A B', '__proto__', 'constructor']) {
      for (const path of [
        `/v1/agents/${id}`,
        `/v1/agents/${id}/files/x`,
        `/v1/agents/${id}/memory/x`,
        `/v1/runs/${id}`,
        `/v1/tenants/${id}`,
      ])
        expect([path.slice(0, 60), (await service.call('GET', path)).status]).toEqual([path.slice(0, 60), 404]);
      expect((await service.call('DELETE', `/v1/keys/${id}`)).status).toBe(404);
    }
  });
});
