import { roles } from '../runtime/agent/roles.ts';
import { notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { created, json, noContent } from './answer.ts';
import { displayName, page, pageQuery, slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import { createOnce, idempotencyHeaders } from './idempotency.ts';
import type { AddRoute } from './route.ts';

const record = z
  .object({ id: z.string(), name: z.string(), role: z.enum(roles), tenant: slug.optional(), createdAt: timestamp })
  .openapi('Key');
const newKey = record
  .extend({ key: z.string().openapi({ description: 'The secret; shown this once' }) })
  .openapi('NewKey');
const keyInput = z
  .strictObject({
    name: displayName,
    role: z.enum(roles),
    tenant: slug
      .optional()
      .openapi({ description: 'For operators: whose key it is. Default: the tenant of the calling key' }),
  })
  .openapi('KeyInput');

export function addKeyRoutes(add: AddRoute, runtime: Runtime): void {
  const { keys, idempotency } = runtime;

  add(
    {
      name: 'POST /v1/keys',
      tag: 'keys',
      summary: 'Make a key, at most as strong as the calling one',
      headers: idempotencyHeaders,
      body: { schema: keyInput, limitBytes: 64 * 1024 },
      responses: { 201: { description: 'Made; `key` is the secret', schema: newKey } },
    },
    (call) => {
      // A cut-off attempt may have left a key whose secret nobody knows: harmless, and a new one is made.
      const make = async () => {
        const { record, secret } = await keys.create(call.body, call.principal);
        return { ...record, key: secret };
      };
      return createOnce(idempotency, call, 'POST /v1/keys', make, (made) => created(made, `/v1/keys/${made.id}`), true);
    },
  );

  add(
    {
      name: 'GET /v1/keys',
      tag: 'keys',
      summary: 'List keys, newest first, without their secrets',
      query: z.strictObject(pageQuery),
      responses: { 200: { description: 'A page of keys', schema: page(record) } },
    },
    async ({ principal, query }) => json(await keys.list(principal, query)),
  );

  add(
    {
      name: 'DELETE /v1/keys/{id}',
      tag: 'keys',
      summary: 'Make a key invalid from now on',
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ principal, params }) => {
      if (!/^key_[0-9a-z]{1,40}$/.test(params.id)) throw notFound('the key');
      await keys.delete(params.id, principal);
      return noContent();
    },
  );
}
