import { effects } from '../runtime/connector/connector.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { requireOwner } from './agents.ts';
import { json } from './answer.ts';
import { slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import type { AddRoute } from './route.ts';

const operation = z.object({
  operation: z.string(),
  effect: z.enum(effects),
  granted: z
    .enum(['in_force', 'pending', 'no'])
    .openapi({ description: '`in_force`: a call can be allowed now; `pending`: the next activation would bring that' }),
  grants: z.array(z.string()).openapi({ description: 'Ids of the grants that name it, also of those that are over' }),
  count: z.number().int().openapi({ description: 'Calls that were allowed' }),
  lastAt: timestamp.optional(),
  neverUsed: z.boolean(),
});

const matrix = z
  .object({
    agent: slug,
    status: z.enum(['draft', 'active']).openapi({ description: '`draft`: the gate is closed, whatever the grants' }),
    connectors: z.array(
      z.object({
        connector: slug,
        missing: z.literal(true).optional().openapi({ description: 'The connector is gone, and grants name it' }),
        operations: z.array(operation),
      }),
    ),
  })
  .openapi('Permissions');

export function addPermissionRoutes(add: AddRoute, runtime: Runtime): void {
  add(
    {
      name: 'GET /v1/agents/{id}/permissions',
      tag: 'permissions',
      summary: 'What an agent may do, and what of it was ever used',
      description: 'Every operation of every connector that a grant of the agent names.',
      responses: { 200: { description: 'Connector by connector, operation by operation', schema: matrix } },
    },
    async ({ tenant, params }) => {
      return json(await runtime.permissions.matrix(await requireOwner(runtime, tenant, params.id)));
    },
  );
}
