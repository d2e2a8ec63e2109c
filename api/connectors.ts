import { notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { created, json, noContent } from './answer.ts';
import {
  catalogEntry,
  catalogSummary,
  connector,
  connectorInput,
  connectorReplacement,
  connectTo,
  summary,
} from './connector-schemas.ts';
import { page, pageQuery, slug } from './fields.ts';
import { z } from './http.ts';
import { createNamed, createOnce, idempotencyHeaders } from './idempotency.ts';
import type { AddRoute, Call } from './route.ts';

/** A document of 8 MiB, as a string in JSON. */
const BODY_BYTES = 16 * 1024 * 1024;

const isOperator = ({ principal }: Pick<Call, 'principal'>) => principal.role === 'operator';
const changedBy = (call: Pick<Call, 'principal'>) => ({ key: call.principal.keyId, isOperator: isOperator(call) });

/** Addresses and files of the operator's network are not a tenant's to see. */
function shown<T extends { connectTo?: unknown }>(one: T, call: Pick<Call, 'principal'>): T | Omit<T, 'connectTo'> {
  if (isOperator(call)) return one;
  const { connectTo: _, ...rest } = one;
  return rest;
}

export function addConnectorRoutes(add: AddRoute, runtime: Runtime): void {
  const { connectors, catalog, tenants, idempotency } = runtime;

  add(
    {
      name: 'POST /v1/connectors',
      tag: 'connectors',
      summary: 'Make a connector: a service and its operations',
      description:
        'From exactly one of `document`, `url`, `operations`, `catalog`, `mcp`. It allows nothing by itself: grants do.',
      headers: idempotencyHeaders,
      body: { schema: connectorInput, limitBytes: BODY_BYTES },
      responses: { 201: { description: 'Made', schema: connector } },
    },
    (call) => {
      const { tenant, body } = call;
      const make = (interruptedAtMs: number | undefined) =>
        createNamed(
          interruptedAtMs,
          () => connectors.create(tenant, body, changedBy(call)),
          () => connectors.get(tenant, body.id),
        );
      return createOnce(idempotency, call, 'POST /v1/connectors', make, (made) =>
        created(shown(made, call), `/v1/connectors/${made.id}`),
      );
    },
  );

  add(
    {
      name: 'GET /v1/connectors',
      tag: 'connectors',
      summary: 'List connectors, newest first, without their operations',
      query: z.strictObject(pageQuery),
      responses: { 200: { description: 'A page of connectors', schema: page(summary) } },
    },
    async (call) => {
      const { items, ...rest } = await connectors.list(call.tenant, call.query);
      return json({ items: items.map((one) => shown(one, call)), ...rest });
    },
  );

  add(
    {
      name: 'GET /v1/connectors/{id}',
      tag: 'connectors',
      summary: 'One connector with its operations',
      responses: { 200: { description: 'The connector', schema: connector } },
    },
    async (call) => json(shown(await connectors.get(call.tenant, call.params.id), call)),
  );

  add(
    {
      name: 'PUT /v1/connectors/{id}',
      tag: 'connectors',
      summary: 'Replace a connector, but for its id and where an operator said that it is reached',
      description: 'A secret that was set before is not sent to hosts that are new: it must be set again.',
      body: { schema: connectorReplacement, limitBytes: BODY_BYTES },
      responses: { 200: { description: 'As it is now', schema: connector } },
    },
    async (call) =>
      json(shown(await connectors.replace(call.tenant, call.params.id, call.body, changedBy(call)), call)),
  );

  add(
    {
      name: 'DELETE /v1/connectors/{id}',
      tag: 'connectors',
      summary: 'Remove a connector: what was granted of it allows nothing any more',
      responses: { 204: { description: 'It is gone' } },
    },
    async (call) => {
      await connectors.delete(call.tenant, call.params.id, changedBy(call));
      return noContent();
    },
  );

  add(
    {
      name: 'PUT /v1/tenants/{id}/connectors/{connector}/connect-to',
      tag: 'connectors',
      summary: 'Say where the internal service of a connector is reached',
      description:
        'Name, path and certificate are judged as for the real host; only the connection goes to this address.',
      body: { schema: connectTo, limitBytes: 64 * 1024 },
      responses: { 200: { description: 'As it is now', schema: connector } },
    },
    async (call) => {
      const tenant = await knownTenant(call.params.id);
      return json(await connectors.setConnectTo(tenant, call.params.connector, call.body, changedBy(call)));
    },
  );

  add(
    {
      name: 'DELETE /v1/tenants/{id}/connectors/{connector}/connect-to',
      tag: 'connectors',
      summary: 'Reach the service of a connector by its public address again',
      responses: { 204: { description: 'It is gone' } },
    },
    async (call) => {
      const tenant = await knownTenant(call.params.id);
      await connectors.setConnectTo(tenant, call.params.connector, undefined, changedBy(call));
      return noContent();
    },
  );

  add(
    {
      name: 'GET /v1/catalog',
      tag: 'connectors',
      summary: 'Services that connectors can be made of by name',
      responses: { 200: { description: 'All of them', schema: z.object({ items: z.array(catalogSummary) }) } },
    },
    () => {
      const items = catalog.names().flatMap((name) => {
        const entry = catalog.entry(name);
        if (!entry) return [];
        const { operations, ...rest } = entry;
        return [{ ...rest, operationCount: operations.length }];
      });
      return json({ items });
    },
  );

  add(
    {
      name: 'GET /v1/catalog/{name}',
      tag: 'connectors',
      summary: 'One service of the catalog with its operations',
      responses: { 200: { description: 'The entry', schema: catalogEntry } },
    },
    ({ params }) => {
      const entry = catalog.entry(params.name);
      if (!entry) throw notFound('the catalog entry');
      return json(entry);
    },
  );

  async function knownTenant(id: string): Promise<string> {
    if (!slug.safeParse(id).success) throw notFound('the tenant');
    return (await tenants.get(id)).id;
  }
}
