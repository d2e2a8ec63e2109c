import { severities } from '../runtime/permission/preflight/finding.ts';
import type { Preflight } from '../runtime/permission/preflight/preflight.ts';
import type { Propose } from '../runtime/permission/propose.ts';
import type { Waiver } from '../runtime/permission/waivers.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { requireOwner } from './agents.ts';
import { created, json, noContent } from './answer.ts';
import { displayName, slug, timestamp } from './fields.ts';
import { constraint, grant } from './grants.ts';
import { z } from './http.ts';
import { createOnce, idempotencyHeaders } from './idempotency.ts';
import type { AddRoute } from './route.ts';

const BODY_BYTES = 16 * 1024;
const nothing = z.strictObject({});
/** Operations of one finding in an answer: a wildcard covers thousands, and an agent may have hundreds of them. */
const SHOWN = 100;

const finding = z
  .object({
    check: z.string(),
    severity: z.enum(severities).openapi({ description: '`error` blocks an activation unless it is waived' }),
    grant: z.string().optional(),
    connector: z.string().optional(),
    operation: z.string().optional(),
    operations: z
      .array(z.string())
      .optional()
      .openapi({ description: `The first ${SHOWN} of them` }),
    operationCount: z.number().int().optional().openapi({ description: 'Of all, when more than are shown' }),
    reason: z.string(),
    mend: z.string().openapi({ description: 'What to do about it' }),
    waived: z.literal(true).optional(),
    waiver: z.string().optional(),
  })
  .openapi('Finding');

const report = z
  .object({
    agent: slug,
    status: z.enum(['draft', 'active']),
    ok: z.boolean().openapi({ description: 'An activation would pass' }),
    findings: z.array(finding),
  })
  .openapi('Preflight');

const activePolicy = z
  .object({ agent: slug, status: z.literal('active'), activatedAt: timestamp, grants: z.array(grant) })
  .openapi('ActivePolicy');

const waiverInput = z
  .strictObject({
    check: z.string().min(1).max(100),
    grant: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .openapi({ description: 'Default: all grants that it finds fault with' }),
    reason: displayName,
  })
  .openapi('WaiverInput');

const covered = finding
  .pick({ severity: true, grant: true, connector: true, operation: true, operations: true, operationCount: true })
  .extend({
    bounds: z
      .object({
        as: z.enum(['agent', 'user']),
        requiresApproval: z.boolean(),
        maxCalls: z.number().int().optional(),
        expiresAt: timestamp.optional(),
        constraintsSha256: z.string().optional(),
      })
      .optional()
      .openapi({ description: 'How far the grant went: one that goes further by now is not covered' }),
  });
const waiver = z
  .object({
    id: z.string(),
    agent: slug,
    check: z.string(),
    grant: z.string().optional(),
    reason: z.string(),
    covers: z
      .array(covered)
      .openapi({ description: 'What it accepts: findings that have grown since are not covered' }),
    by: z.string(),
    createdAt: timestamp,
  })
  .openapi('Waiver');

const proposedGrant = z
  .object({
    connector: slug,
    operations: z.array(z.string()),
    constraints: z.record(z.string(), constraint).optional(),
    expiresAt: timestamp.optional(),
    maxCalls: z.number().int().optional(),
    requiresApproval: z.boolean(),
    as: z.enum(['agent', 'user']),
  })
  .openapi('ProposedGrant');

const proposal = z
  .object({
    agent: slug,
    grants: z.array(proposedGrant),
    changes: z.array(
      z.object({
        grant: z.string(),
        action: z.enum(['keep', 'narrow', 'delete']),
        becomes: z.number().int().optional().openapi({ description: 'Index in `grants`: the body of a PUT' }),
      }),
    ),
    removed: z.array(z.object({ grant: z.string(), connector: slug, operations: z.array(z.string()) })),
    replay: z.object({
      calls: z.number().int(),
      wouldDeny: z.number().int(),
      deniedToday: z.number().int().openapi({
        description: 'Of those: what the policy of today denies too, since a grant has ended or an operation is gone',
      }),
      summary: z.string(),
      since: timestamp.optional(),
      isComplete: z.boolean().openapi({ description: 'False: the record is longer than what was read' }),
    }),
  })
  .openapi('Proposal');

export function addPreflightRoutes(
  add: AddRoute,
  runtime: Pick<Runtime, 'agents' | 'idempotency'> & { preflight: Preflight; propose: Propose },
): void {
  const { preflight, propose, idempotency } = runtime;

  add(
    {
      name: 'GET /v1/agents/{id}/preflight',
      tag: 'permissions',
      summary: 'Audit the policy that an activation would take into force',
      responses: { 200: { description: 'Findings, worst first', schema: report } },
    },
    async ({ tenant, params }) => {
      const { findings, ...rest } = await preflight.report(await requireOwner(runtime, tenant, params.id));
      return json({ ...rest, findings: findings.map(shown) });
    },
  );

  add(
    {
      name: 'POST /v1/agents/{id}/activate',
      tag: 'permissions',
      summary: 'Take the pending grants into force and open the gate',
      description:
        '409 with each finding of severity `error` that is not waived. The old policy stays in force until it passes.',
      body: { schema: nothing, limitBytes: BODY_BYTES, optional: true },
      responses: { 200: { description: 'In force', schema: activePolicy } },
    },
    async (call) => {
      const owner = await requireOwner(runtime, call.tenant, call.params.id);
      const { status, activatedAt, grants } = await preflight.activate(owner, { key: call.principal.keyId });
      return json({ agent: owner.agent, status, activatedAt, grants });
    },
  );

  add(
    {
      name: 'POST /v1/agents/{id}/waivers',
      tag: 'permissions',
      summary: 'Accept findings of a check as they are now, with a reason',
      headers: idempotencyHeaders,
      body: { schema: waiverInput, limitBytes: BODY_BYTES },
      responses: { 201: { description: 'Recorded', schema: waiver } },
    },
    async (call) => {
      const owner = await requireOwner(runtime, call.tenant, call.params.id);
      const place = `/v1/agents/${owner.agent}/waivers`;
      return createOnce(
        idempotency,
        call,
        `POST ${place}`,
        async () => shownWaiver(await preflight.waive(owner, call.body, { key: call.principal.keyId })),
        (made) => created(made, `${place}/${made.id}`),
      );
    },
  );

  add(
    {
      name: 'GET /v1/agents/{id}/waivers',
      tag: 'permissions',
      summary: 'What admins accepted, oldest first',
      responses: { 200: { description: 'At most 200', schema: z.object({ items: z.array(waiver) }) } },
    },
    async ({ tenant, params }) => {
      const waivers = await preflight.waivers(await requireOwner(runtime, tenant, params.id));
      return json({ items: waivers.map(shownWaiver) });
    },
  );

  add(
    {
      name: 'DELETE /v1/agents/{id}/waivers/{waiver}',
      tag: 'permissions',
      summary: 'Take a waiver back: the next activation is judged without it',
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ tenant, params, principal }) => {
      const owner = await requireOwner(runtime, tenant, params.id);
      await preflight.deleteWaiver(owner, params.waiver, { key: principal.keyId });
      return noContent();
    },
  );

  add(
    {
      name: 'POST /v1/agents/{id}/permissions/propose',
      tag: 'permissions',
      summary: 'The smaller policy that the recorded calls would have needed',
      description: 'Changes nothing. Each proposed grant is narrower than the one that it comes from.',
      body: { schema: nothing, limitBytes: BODY_BYTES, optional: true },
      responses: { 200: { description: 'The proposal, and the record replayed against it', schema: proposal } },
    },
    async (call) => {
      const owner = await requireOwner(runtime, call.tenant, call.params.id);
      return json(await propose(owner));
    },
  );
}

function shown<T extends { operations?: string[] }>(one: T): T & { operationCount?: number } {
  const { operations } = one;
  if (operations === undefined || operations.length <= SHOWN) return one;
  return { ...one, operations: operations.slice(0, SHOWN), operationCount: operations.length };
}

const shownWaiver = (waiver: Waiver) => ({ ...waiver, covers: waiver.covers.map(shown) });
