import { effects } from '../runtime/connector/connector.ts';
import { approvalStatuses } from '../runtime/permission/approval.ts';
import type { Approvals } from '../runtime/permission/approvals.ts';
import { json } from './answer.ts';
import { page, pageQuery, slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import type { AddRoute, Call } from './route.ts';

const BODY_BYTES = 16 * 1024;

const approval = z
  .object({
    id: z.string(),
    agent: slug,
    run: z.string(),
    grant: z.string(),
    connector: z.string(),
    operation: z.string(),
    effect: z.enum(effects),
    danger: z.string().optional(),
    method: z.string(),
    url: z.string().openapi({ description: 'Whole up to 2 KiB; of longer ones the values of the query are left out' }),
    urlSha256: z.string().openapi({ description: 'Of the whole URL, as it will be sent' }),
    bodySha256: z.string().openapi({ description: 'Of the body, as it will be sent' }),
    status: z
      .enum(approvalStatuses)
      .openapi({ description: '`withdrawn`: the run gave the call up before a decision' }),
    createdAt: timestamp,
    expiresAt: timestamp.openapi({ description: 'Without a decision by then the call is refused' }),
    decidedAt: timestamp.optional(),
    decidedBy: z.string().optional().openapi({ description: 'Key of who decided' }),
    comment: z.string().optional(),
  })
  .openapi('Approval');

const decision = z
  .strictObject({
    comment: z
      .string()
      .max(1000, 'must have at most 1000 characters')
      .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
      .optional()
      .openapi({ description: 'Kept in the audit, and shown to the guest of a denied call' }),
  })
  .openapi('ApprovalDecision');

export function addApprovalRoutes(add: AddRoute, { approvals }: { approvals: Approvals }): void {
  add(
    {
      name: 'GET /v1/approvals',
      tag: 'approvals',
      summary: 'Calls that wait or waited for a person, newest first',
      description: 'With a filter a page may hold fewer than asked for although more follow.',
      query: z.strictObject({
        ...pageQuery,
        status: z.enum(approvalStatuses).optional(),
        agent: slug.optional(),
      }),
      responses: { 200: { description: 'A page of approvals', schema: page(approval) } },
    },
    async ({ tenant, query }) => json(await approvals.list(tenant, query)),
  );

  add(
    {
      name: 'GET /v1/approvals/{id}',
      tag: 'approvals',
      summary: 'One approval',
      responses: { 200: { description: 'The approval', schema: approval } },
    },
    async ({ tenant, params }) => json(await approvals.get(tenant, params.id)),
  );

  const decided = async (
    { tenant, principal, body }: Pick<Call<never, never, z.infer<typeof decision>>, 'tenant' | 'principal' | 'body'>,
    id: string,
    decide: Approvals['approve'],
  ) => json(await decide(tenant, id, { key: principal.keyId }, body.comment));

  add(
    {
      name: 'POST /v1/approvals/{id}/approve',
      tag: 'approvals',
      summary: 'Let the call go',
      description: 'Binds to the exact method, URL and body. 409 when nothing waits any more.',
      body: { schema: decision, limitBytes: BODY_BYTES, optional: true },
      responses: { 200: { description: 'As it is now', schema: approval } },
    },
    (call) => decided(call, call.params.id, approvals.approve),
  );

  add(
    {
      name: 'POST /v1/approvals/{id}/deny',
      tag: 'approvals',
      summary: 'Refuse the call: the guest gets an error',
      description: 'The guest sees the comment. 409 when nothing waits any more.',
      body: { schema: decision, limitBytes: BODY_BYTES, optional: true },
      responses: { 200: { description: 'As it is now', schema: approval } },
    },
    (call) => decided(call, call.params.id, approvals.deny),
  );
}
