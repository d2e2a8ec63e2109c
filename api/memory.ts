import { CordonError, notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { requireAgent, requireOwner } from './agents.ts';
import { json, noContent } from './answer.ts';
import { allowsWrite, type Conditions, callerHas, readConditions } from './conditions.ts';
import { anyJson, page, pageQuery, timestamp } from './fields.ts';
import { z } from './http.ts';
import type { AddRoute } from './route.ts';

const VALUE_BYTES = 1024 * 1024;

const entry = z
  .object({ key: z.string(), revision: z.number().int(), bytes: z.number().int(), expiresAt: timestamp.optional() })
  .openapi('MemoryEntry');

const ttlQuery = z.strictObject({
  ttlMs: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number of milliseconds, at least 1')
    .transform(Number)
    .optional()
    .openapi({ type: 'integer', description: 'Milliseconds until the key is gone by itself' }),
});

const conditionHeaders = {
  'If-Match': 'Only when the key has this revision',
  'If-None-Match': '`*`: only when there is no such key',
};
const etagOf = (revision: number) => `"${revision}"`;

function check(conditions: Conditions, revision: number | null): void {
  if (!allowsWrite(conditions, revision === null ? undefined : etagOf(revision)))
    throw new CordonError('revision_mismatch', 'The revision is not the one that the condition names');
}

/** URL parsers resolve segments such as `..` and may drop empty ones: the slashes of a key that has some are encoded too. */
const keyInPath = (key: string): string =>
  key.split('/').some((segment) => ['', '.', '..'].includes(segment))
    ? encodeURIComponent(key)
    : key.split('/').map(encodeURIComponent).join('/');

export function addMemoryRoutes(add: AddRoute, runtime: Runtime): void {
  const { memory } = runtime;

  add(
    {
      name: 'GET /v1/agents/{id}/memory',
      tag: 'memory',
      summary: 'List keys',
      query: z.strictObject({ ...pageQuery, prefix: z.string().max(1000).optional() }),
      responses: { 200: { description: 'A page of keys', schema: page(entry) } },
    },
    async ({ tenant, params, query: { limit, cursor, prefix } }) => {
      await requireAgent(runtime, tenant, params.id);
      const options = { limit, ...(cursor !== undefined && { cursor }), ...(prefix !== undefined && { prefix }) };
      return json(await memory.list({ tenant, agent: params.id }, options));
    },
  );

  add(
    {
      name: 'GET /v1/agents/{id}/memory/{key}',
      tag: 'memory',
      summary: 'The value of a key',
      headers: { 'If-None-Match': 'Answers 304 when the revision is still this one' },
      responses: {
        200: { description: 'The bare value; `ETag` is its revision', schema: anyJson },
        304: { description: 'Not changed' },
      },
    },
    async ({ tenant, params, header }) => {
      const conditions = readConditions(header);
      await requireAgent(runtime, tenant, params.id);
      const found = await memory.get({ tenant, agent: params.id }, params.key);
      if (found === undefined) throw notFound('the key');
      const headers = { etag: etagOf(found.revision), 'cache-control': 'private, no-cache' };
      if (callerHas(conditions, headers.etag)) return { status: 304, headers, body: null };
      return json(found.value, 200, headers);
    },
  );

  add(
    {
      name: 'PUT /v1/agents/{id}/memory/{key}',
      tag: 'memory',
      summary: 'Set the value of a key',
      query: ttlQuery,
      headers: conditionHeaders,
      body: { schema: anyJson, limitBytes: VALUE_BYTES },
      responses: {
        200: { description: 'Replaced', schema: z.object({ key: z.string(), revision: z.number().int() }) },
        201: { description: 'Created', schema: z.object({ key: z.string(), revision: z.number().int() }) },
      },
    },
    async ({ tenant, params, query, body, header }) => {
      const { id, key } = params;
      const conditions = readConditions(header);
      const { quotas } = await requireAgent(runtime, tenant, id);
      let existed = false;
      const revision = await memory.set({ tenant, agent: id }, key, body, {
        quotaBytes: quotas.memoryBytes,
        ...(query.ttlMs !== undefined && { ttlMs: query.ttlMs }),
        condition: (now) => {
          existed = now !== null;
          check(conditions, now);
        },
      });
      const headers = {
        etag: etagOf(revision),
        ...(!existed && { location: `/v1/agents/${id}/memory/${keyInPath(key)}` }),
      };
      return json({ key, revision }, existed ? 200 : 201, headers);
    },
  );

  add(
    {
      name: 'DELETE /v1/agents/{id}/memory/{key}',
      tag: 'memory',
      summary: 'Remove a key',
      headers: { 'If-Match': conditionHeaders['If-Match'] },
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ tenant, params, header }) => {
      const conditions = readConditions(header);
      const owner = await requireOwner(runtime, tenant, params.id);
      const removed = await memory.delete(owner, params.key, { condition: (now) => check(conditions, now) });
      if (!removed) throw notFound('the key');
      return noContent();
    },
  );
}
