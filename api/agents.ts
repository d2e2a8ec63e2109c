import type { Agent } from '../runtime/agent/agents.ts';
import { containerRuntimes, driverKinds } from '../runtime/agent/sandbox-choice.ts';
import { notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Owner } from '../runtime/sandbox/driver.ts';
import { created, json, noContent } from './answer.ts';
import { displayName, limits, metadata, metadataPatch, page, pageQuery, quotas, slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import { createNamed, createOnce, idempotencyHeaders } from './idempotency.ts';
import type { AddRoute } from './route.ts';

const BODY_BYTES = 256 * 1024;

const agent = z
  .object({
    id: slug,
    tenant: slug,
    name: z.string(),
    status: z
      .enum(['draft', 'active'])
      .openapi({ description: '`draft` until its first activation: the gate to services is closed to it' }),
    limits: limits.some,
    quotas: quotas.full,
    metadata,
    driver: z.enum(driverKinds).optional().openapi({ description: 'Of runs that name none' }),
    image: z.string().optional().openapi({ description: 'Of container runs that name none' }),
    runtime: z.enum(containerRuntimes).optional().openapi({ description: 'Of its containers' }),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .openapi('Agent');

const agentInput = z
  .strictObject({
    id: slug,
    name: displayName.optional(),
    limits: limits.some.optional(),
    quotas: quotas.some.optional(),
    metadata: metadata.optional(),
    driver: z.enum(driverKinds).optional(),
    image: z.string().min(1).max(255).optional(),
    runtime: z.enum(containerRuntimes).optional(),
  })
  .openapi('AgentInput');

const agentPatch = z
  .strictObject({
    name: displayName.nullable().optional(),
    limits: limits.patch.nullable().optional(),
    quotas: quotas.patch.nullable().optional(),
    metadata: metadataPatch.optional(),
    driver: z.enum(driverKinds).nullable().optional(),
    image: z.string().min(1).max(255).nullable().optional(),
    runtime: z.enum(containerRuntimes).nullable().optional(),
  })
  .openapi('AgentPatch');

function ownerOf(tenant: string, id: string): Owner {
  if (!slug.safeParse(id).success) throw notFound('the agent');
  return { tenant, agent: id };
}

/**
 * The agent, for routes of its files and memory.
 * Errors: `not_found`, also for ids that no agent can have; `conflict` while it is being deleted.
 */
export async function requireAgent(runtime: Pick<Runtime, 'agents'>, tenant: string, id: string): Promise<Agent> {
  return runtime.agents.getStaying(ownerOf(tenant, id));
}

/** Whose grants, files and calls these are. Errors: as `requireAgent`. */
export async function requireOwner(runtime: Pick<Runtime, 'agents'>, tenant: string, id: string): Promise<Owner> {
  return { tenant, agent: (await requireAgent(runtime, tenant, id)).id };
}

export function addAgentRoutes(add: AddRoute, runtime: Runtime): void {
  const { agents, idempotency, permissions } = runtime;

  const shown = async (agent: Agent) => {
    const { status } = await permissions.policy({ tenant: agent.tenant, agent: agent.id });
    return { ...agent, status };
  };

  add(
    {
      name: 'POST /v1/agents',
      tag: 'agents',
      summary: 'Register an agent',
      description:
        '`limits` are what its runs have when they ask for nothing else; `quotas` bound all its runs together.',
      headers: idempotencyHeaders,
      body: { schema: agentInput, limitBytes: BODY_BYTES },
      responses: { 201: { description: 'Registered', schema: agent } },
    },
    (call) => {
      const { tenant, body } = call;
      const register = (interruptedAtMs: number | undefined) =>
        createNamed(
          interruptedAtMs,
          async () => shown(await agents.create(tenant, body)),
          async () => shown(await agents.get({ tenant, agent: body.id })),
        );
      return createOnce(idempotency, call, 'POST /v1/agents', register, (made) =>
        created(made, `/v1/agents/${made.id}`),
      );
    },
  );

  add(
    {
      name: 'GET /v1/agents',
      tag: 'agents',
      summary: 'List agents, newest first',
      query: z.strictObject(pageQuery),
      responses: { 200: { description: 'A page of agents', schema: page(agent) } },
    },
    async ({ tenant, query }) => {
      const { items, ...rest } = await agents.list(tenant, query);
      return json({ items: await Promise.all(items.map(shown)), ...rest });
    },
  );

  add(
    {
      name: 'GET /v1/agents/{id}',
      tag: 'agents',
      summary: 'One agent',
      responses: { 200: { description: 'The agent', schema: agent } },
    },
    async ({ tenant, params }) => json(await shown(await agents.get(ownerOf(tenant, params.id)))),
  );

  add(
    {
      name: 'PATCH /v1/agents/{id}',
      tag: 'agents',
      summary: 'Change an agent',
      description: 'A JSON Merge Patch (RFC 7396): what is absent stays, null goes back to the default.',
      body: { schema: agentPatch, limitBytes: BODY_BYTES },
      responses: { 200: { description: 'As it is now', schema: agent } },
    },
    async ({ tenant, params, body }) => {
      return json(await shown(await agents.patch(ownerOf(tenant, params.id), body)));
    },
  );

  add(
    {
      name: 'DELETE /v1/agents/{id}',
      tag: 'agents',
      summary: 'Remove an agent: its runs are ended, its files and memory go',
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ tenant, params }) => {
      await runtime.deleteAgent(ownerOf(tenant, params.id));
      return noContent();
    },
  );
}
