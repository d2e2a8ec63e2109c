import { CordonError, notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Owner } from '../runtime/sandbox/driver.ts';
import { requireAgent, requireOwner } from './agents.ts';
import { json, noContent } from './answer.ts';
import { readTags } from './conditions.ts';
import { anyJson, page, pageQuery, timestamp } from './fields.ts';
import { z } from './http.ts';
import type { AddRoute, Call } from './route.ts';

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

const conditions = {
  'If-Match': 'Only when the key has this revision',
  'If-None-Match': '`*`: only when there is no such key',
};
const etagOf = (revision: number) => `"${revision}"`;
const mismatch = () => new CordonError('revision_mismatch', 'The revision is not the one that the condition names');

export function addMemoryRoutes(add: AddRoute, runtime: Runtime): void {
  const { memory } = runtime;

  /** The condition as the revision that memory compares: a number, null for "must not exist", undefined for any. */
  async function condition(call: Pick<Call, 'header'>, owner: Owner, key: string): Promise<number | null | undefined> {
    const ifMatch = readTags(call.header('if-match'));
    const ifNoneMatch = readTags(call.header('if-none-match'));
    if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
    if (ifMatch === undefined && ifNoneMatch === '*') return null;
    const now = (await memory.get(owner, key))?.revision;
    const has = (tags: '*' | string[], revision: number) => tags === '*' || tags.includes(etagOf(revision));
    if (ifMatch !== undefined && (now === undefined || !has(ifMatch, now))) throw mismatch();
    if (ifNoneMatch !== undefined && now !== undefined && has(ifNoneMatch, now)) throw mismatch();
    return now ?? null;
  }

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
      await requireAgent(runtime, tenant, params.id);
      const found = await memory.get({ tenant, agent: params.id }, params.key);
      if (found === undefined) throw notFound('the key');
      const headers = { etag: etagOf(found.revision), 'cache-control': 'private, no-cache' };
      const known = readTags(header('if-none-match'));
      if (known === '*' || known?.some((tag) => tag.replace(/^W\//, '') === headers.etag))
        return { status: 304, headers, body: null };
      return json(found.value, 200, headers);
    },
  );

  add(
    {
      name: 'PUT /v1/agents/{id}/memory/{key}',
      tag: 'memory',
      summary: 'Set the value of a key',
      query: ttlQuery,
      headers: conditions,
      body: { schema: anyJson, limitBytes: VALUE_BYTES },
      responses: {
        200: { description: 'Replaced', schema: z.object({ key: z.string(), revision: z.number().int() }) },
        201: { description: 'Created', schema: z.object({ key: z.string(), revision: z.number().int() }) },
      },
    },
    async (call) => {
      const { tenant, params, query, body } = call;
      const { key } = params;
      const owner = { tenant, agent: params.id };
      const { quotas } = await requireAgent(runtime, tenant, params.id);
      const ifRevision = await condition(call, owner, key);
      const existed = ifRevision === undefined ? (await memory.get(owner, key)) !== undefined : ifRevision !== null;
      const revision = await memory.set(owner, key, body, {
        quotaBytes: quotas.memoryBytes,
        ...(query.ttlMs !== undefined && { ttlMs: query.ttlMs }),
        ...(ifRevision !== undefined && { ifRevision }),
      });
      const headers: Record<string, string> = { etag: etagOf(revision) };
      if (!existed)
        headers.location = `/v1/agents/${params.id}/memory/${key.split('/').map(encodeURIComponent).join('/')}`;
      return json({ key, revision }, existed ? 200 : 201, headers);
    },
  );

  add(
    {
      name: 'DELETE /v1/agents/{id}/memory/{key}',
      tag: 'memory',
      summary: 'Remove a key',
      headers: { 'If-Match': conditions['If-Match'] },
      responses: { 204: { description: 'It is gone' } },
    },
    async (call) => {
      const owner = await requireOwner(runtime, call.tenant, call.params.id);
      const ifRevision = await condition(call, owner, call.params.key);
      if (ifRevision === null) throw mismatch();
      const removed = await memory.delete(owner, call.params.key, ifRevision === undefined ? {} : { ifRevision });
      if (!removed) throw notFound('the key');
      return noContent();
    },
  );
}
