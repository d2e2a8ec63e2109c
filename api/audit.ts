import { auditKinds } from '../runtime/audit/audit.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { json } from './answer.ts';
import { anyJson, page, pageQuery, slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import type { AddRoute } from './route.ts';

const entry = z
  .object({
    at: timestamp,
    kind: z.enum(auditKinds),
    agent: slug.optional(),
    run: z.string().optional(),
    key: z.string().optional().openapi({ description: 'The key that changed something; absent for what a run did' }),
    detail: z.record(z.string(), anyJson),
  })
  .openapi('AuditEntry');

export function addAuditRoutes(add: AddRoute, { audit }: Runtime): void {
  add(
    {
      name: 'GET /v1/audit',
      tag: 'audit',
      summary: 'What agents did outside, and what people changed of their permissions, newest first',
      description:
        'Never a query, a body or a secret. With a filter a page may hold fewer entries than asked for although more follow.',
      query: z.strictObject({
        ...pageQuery,
        agent: slug.optional(),
        kind: z.enum(auditKinds).optional(),
        run: z.string().min(1).max(64).optional(),
      }),
      responses: { 200: { description: 'A page of entries', schema: page(entry) } },
    },
    async ({ tenant, query }) => json(await audit.list(tenant, query)),
  );
}
