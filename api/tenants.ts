import { notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { created, json, noContent } from './answer.ts';
import { displayName, page, pageQuery, slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import { createNamed, createOnce, idempotencyHeaders } from './idempotency.ts';
import type { AddRoute } from './route.ts';

const tenant = z.object({ id: slug, name: z.string(), createdAt: timestamp }).openapi('Tenant');
const tenantInput = z.strictObject({ id: slug, name: displayName.optional() }).openapi('TenantInput');

const known = (id: string) => {
  if (!slug.safeParse(id).success) throw notFound('the tenant');
  return id;
};

export function addTenantRoutes(add: AddRoute, runtime: Runtime): void {
  const { tenants, idempotency } = runtime;

  add(
    {
      name: 'POST /v1/tenants',
      tag: 'tenants',
      summary: 'Make a tenant',
      description: 'It has the agent `default`, and no key yet.',
      headers: idempotencyHeaders,
      body: { schema: tenantInput, limitBytes: 64 * 1024 },
      responses: { 201: { description: 'Made', schema: tenant } },
    },
    (call) => {
      const make = (interruptedAtMs: number | undefined) =>
        createNamed(
          interruptedAtMs,
          () => tenants.create(call.body),
          () => tenants.get(call.body.id),
        );
      return createOnce(idempotency, call, 'POST /v1/tenants', make, (made) => created(made, `/v1/tenants/${made.id}`));
    },
  );

  add(
    {
      name: 'GET /v1/tenants',
      tag: 'tenants',
      summary: 'List tenants, newest first',
      query: z.strictObject(pageQuery),
      responses: { 200: { description: 'A page of tenants', schema: page(tenant) } },
    },
    async ({ query }) => json(await tenants.list(query)),
  );

  add(
    {
      name: 'GET /v1/tenants/{id}',
      tag: 'tenants',
      summary: 'One tenant',
      responses: { 200: { description: 'The tenant', schema: tenant } },
    },
    async ({ params }) => json(await tenants.get(known(params.id))),
  );

  add(
    {
      name: 'DELETE /v1/tenants/{id}',
      tag: 'tenants',
      summary: 'Remove a tenant with its keys, agents and runs',
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ params }) => {
      await runtime.deleteTenant(known(params.id));
      return noContent();
    },
  );
}
