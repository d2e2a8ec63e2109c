import { constraintForms } from '../runtime/permission/grant.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { requireOwner } from './agents.ts';
import { created, json, noContent } from './answer.ts';
import { page, pageQuery, slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import { createOnce, idempotencyHeaders } from './idempotency.ts';
import type { AddRoute } from './route.ts';

const BODY_BYTES = 256 * 1024;

const scalar = z.union([z.string().max(1024), z.number(), z.boolean()]);

/** What one parameter must be. */
export const constraint = z
  .union(
    [
      z.strictObject({ equals: scalar }),
      z.strictObject({ oneOf: z.array(scalar).min(1).max(200) }),
      z.strictObject({ pattern: z.string().min(1).max(512) }),
      z.strictObject({ absent: z.literal(true) }),
    ],
    constraintForms,
  )
  .openapi('Constraint', {
    description:
      'What every value of the parameter must be; a call without the parameter is refused. `pattern`: a regular expression (RE2) that the whole value must match. `absent`: the parameter must not be given at all, with any value.',
  });

const operations = z
  .array(z.string().min(1).max(200))
  .min(1)
  .max(200)
  .openapi({
    description: 'Names of operations, `*` for any characters, optionally `:read`, `:write`, `:delete` or `:send`',
    example: ['chat.postMessage', 'files.*:read'],
  });

/** A record would leave `__proto__` out without a word, and with it a restriction. */
const withoutPrototype = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__') ? undefined : value;

const constraints = z.preprocess(
  withoutPrototype,
  z
    .record(z.string().min(1).max(200), constraint, 'must be constraints by name of parameter, and none __proto__')
    .openapi({ description: 'By name of parameter, at most 50; with dots for what lies deeper in a body' }),
);

const whose = z.enum(['agent', 'user']).openapi({
  description: "In whose name calls are made: with the agent's own credential, or with that of the user of the run",
});

export const grant = z
  .object({
    id: z.string(),
    agent: slug,
    connector: slug,
    operations,
    constraints,
    expiresAt: timestamp.optional(),
    maxCalls: z.number().int().optional(),
    requiresApproval: z.boolean(),
    as: whose,
    status: z.enum(['in_force', 'pending']).openapi({ description: '`pending`: waits for the next activation' }),
    replaces: z.string().optional().openapi({ description: 'The grant that goes when this one is activated' }),
    createdAt: timestamp,
  })
  .openapi('Grant');

const grantInput = z
  .strictObject({
    connector: slug,
    operations,
    constraints: constraints.optional(),
    expiresAt: z.iso.datetime({ offset: true }).optional(),
    maxCalls: z
      .number()
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .openapi({ description: 'Calls in its lifetime, changes of the grant included' }),
    requiresApproval: z.boolean().optional().openapi({ description: 'Each call waits for a person; default false' }),
    as: whose.optional(),
  })
  .openapi('GrantInput');

export function addGrantRoutes(add: AddRoute, runtime: Runtime): void {
  const { permissions, idempotency } = runtime;

  add(
    {
      name: 'POST /v1/agents/{id}/grants',
      tag: 'permissions',
      summary: 'Grant operations of a connector to an agent, from its next activation on',
      headers: idempotencyHeaders,
      body: { schema: grantInput, limitBytes: BODY_BYTES },
      responses: { 201: { description: 'Made; it waits for an activation', schema: grant } },
    },
    async (call) => {
      const whom = await requireOwner(runtime, call.tenant, call.params.id);
      const by = { key: call.principal.keyId };
      return createOnce(
        idempotency,
        call,
        `POST /v1/agents/${whom.agent}/grants`,
        (interruptedAtMs) => permissions.createGrant(whom, call.body, by, interruptedAtMs),
        (made) => created(made, `/v1/agents/${whom.agent}/grants/${made.id}`),
      );
    },
  );

  add(
    {
      name: 'GET /v1/agents/{id}/grants',
      tag: 'permissions',
      summary: "List an agent's grants, newest first",
      query: z.strictObject(pageQuery),
      responses: { 200: { description: 'A page of grants, in force and pending', schema: page(grant) } },
    },
    async ({ tenant, params, query }) =>
      json(await permissions.listGrants(await requireOwner(runtime, tenant, params.id), query)),
  );

  add(
    {
      name: 'GET /v1/agents/{id}/grants/{grant}',
      tag: 'permissions',
      summary: 'One grant',
      responses: { 200: { description: 'The grant', schema: grant } },
    },
    async ({ tenant, params }) =>
      json(await permissions.getGrant(await requireOwner(runtime, tenant, params.id), params.grant)),
  );

  add(
    {
      name: 'PUT /v1/agents/{id}/grants/{grant}',
      tag: 'permissions',
      summary: 'Change a grant',
      description:
        'What is shown to be narrower is in force at once. Anything else answers a pending grant with `replaces`: it takes the place of this one at the next activation, and calls that were counted stay counted.',
      body: { schema: grantInput, limitBytes: BODY_BYTES },
      responses: { 200: { description: 'The changed grant, or the one that waits to replace it', schema: grant } },
    },
    async ({ tenant, params, body, principal }) =>
      json(
        await permissions.replaceGrant(await requireOwner(runtime, tenant, params.id), params.grant, body, {
          key: principal.keyId,
        }),
      ),
  );

  add(
    {
      name: 'DELETE /v1/agents/{id}/grants/{grant}',
      tag: 'permissions',
      summary: 'Take a grant back, at once',
      responses: { 204: { description: 'It is gone; calls under it are ended' } },
    },
    async ({ tenant, params, principal }) => {
      await permissions.deleteGrant(await requireOwner(runtime, tenant, params.id), params.grant, {
        key: principal.keyId,
      });
      return noContent();
    },
  );
}
