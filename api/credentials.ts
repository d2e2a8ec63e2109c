import { createHmac } from 'node:crypto';
import type { Principal } from '../runtime/agent/roles.ts';
import { notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { created, json, noContent } from './answer.ts';
import { presentedKey } from './auth.ts';
import { page, pageQuery, slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import { createNamed, createOnce, idempotencyHeaders } from './idempotency.ts';
import type { AddRoute, Call } from './route.ts';

/** Room for the largest secret of every scheme, escaped. */
const BODY_BYTES = 1024 * 1024;

const user = z.strictObject({ issuer: z.string().min(1).max(1024), subject: z.string().min(1).max(255) });

const source = z
  .strictObject({
    kind: z.enum(['hashicorp', 'aws_secrets_manager']),
    path: z.string().min(1).max(512).openapi({ description: 'Below the folder of the tenant, `cordon/TENANT/`' }),
  })
  .openapi({ description: 'Where the secret is kept, when not in Cordon' });

const rotation = z
  .strictObject({
    everyMs: z.number().openapi({ description: 'From one secret to the next; at least an hour' }),
    webhook: z.string().optional().openapi({ description: '`https` URL that gets a POST when a new secret is due' }),
  })
  .openapi('Rotation');

const credential = z
  .object({
    id: z.string(),
    tenant: slug,
    connector: slug,
    holder: z.union([z.object({ agent: slug }), z.object({ user })]),
    source: z.object({ kind: z.string(), path: z.string().optional() }),
    version: z.number().int().openapi({ description: 'Rises with each new secret' }),
    createdAt: timestamp,
    rotatedAt: timestamp.openapi({ description: 'When the present secret was set' }),
    isOld: z.boolean().openapi({ description: 'Older than the operator’s warning age' }),
    rotation: rotation.optional(),
  })
  .openapi('Credential');

/** Checked by the vault: an error here would repeat a field's name, and callers mistake secrets for names. */
const secret = z
  .custom<Record<string, unknown>>(() => true)
  .openapi({
    type: 'object',
    additionalProperties: { type: 'string' },
    description:
      'By field, as the connector authenticates: {token}, {value}, {username, password}, {clientId, clientSecret, refreshToken} ... It is never shown again',
  });

const credentialInput = z
  .strictObject({
    connector: slug,
    agent: slug.optional().openapi({ description: 'For the agent itself; exactly one of `agent` and `user`' }),
    user: user.optional().openapi({ description: 'For runs on behalf of this user' }),
    secret: secret.optional().openapi({ description: 'Exactly one of `secret` and `source`' }),
    source: source.optional(),
    rotation: rotation.optional(),
  })
  .openapi('CredentialInput');

const known = (id: string) => {
  if (!/^cred_[0-9a-z]{1,40}$/.test(id)) throw notFound('This credential');
  return id;
};

const by = ({ principal }: { principal: Principal }) => ({ key: principal.keyId });

export function addCredentialRoutes(add: AddRoute, runtime: Runtime): void {
  const { vault, idempotency } = runtime;

  /** What a create that a crash cut off has left. */
  async function existing(tenant: string, { connector, agent, user }: z.infer<typeof credentialInput>) {
    const holder = user === undefined ? { agent: agent ?? '' } : { user };
    const found = await vault.find(tenant, connector, holder);
    if (found === undefined) throw notFound('This credential');
    return found;
  }

  add(
    {
      name: 'POST /v1/credentials',
      tag: 'credentials',
      summary: 'Keep a secret for a connector, for one agent or one user',
      headers: idempotencyHeaders,
      body: { schema: credentialInput, limitBytes: BODY_BYTES },
      responses: { 201: { description: 'Kept; the secret is not shown', schema: credential } },
    },
    (call) => {
      // The digest is stored for a day, and that of a short password could be guessed: under the caller's key it cannot.
      const keyed: typeof call = { ...call, bodySha256: () => keyedDigest(call) };
      const { tenant, body } = call;
      const make = (interruptedAtMs: number | undefined) =>
        createNamed(
          interruptedAtMs,
          () => vault.create(tenant, body, by(call)),
          () => existing(tenant, body),
        );
      return createOnce(idempotency, keyed, 'POST /v1/credentials', make, (made) =>
        created(made, `/v1/credentials/${made.id}`),
      );
    },
  );

  add(
    {
      name: 'GET /v1/credentials',
      tag: 'credentials',
      summary: 'List credentials, newest first, without their secrets',
      query: z.strictObject({ ...pageQuery, connector: slug.optional(), agent: slug.optional() }),
      responses: { 200: { description: 'A page of credentials', schema: page(credential) } },
    },
    async ({ tenant, query }) => json(await vault.list(tenant, query)),
  );

  add(
    {
      name: 'GET /v1/credentials/{id}',
      tag: 'credentials',
      summary: 'One credential, without its secret',
      responses: { 200: { description: 'The credential', schema: credential } },
    },
    async ({ tenant, params }) => json(await vault.get(tenant, known(params.id))),
  );

  add(
    {
      name: 'PUT /v1/credentials/{id}/secret',
      tag: 'credentials',
      summary: 'Give it a new secret',
      description: 'Calls under way with the former one end at once.',
      body: { schema: z.strictObject({ secret }), limitBytes: BODY_BYTES },
      responses: { 200: { description: 'The credential as it is now', schema: credential } },
    },
    async (call) => {
      const id = known(call.params.id);
      return json(await vault.putSecret(call.tenant, id, call.body.secret, by(call)));
    },
  );

  add(
    {
      name: 'DELETE /v1/credentials/{id}',
      tag: 'credentials',
      summary: 'Remove it: calls under way with it end at once',
      responses: { 204: { description: 'It is gone' } },
    },
    async (call) => {
      await vault.delete(call.tenant, known(call.params.id), by(call));
      return noContent();
    },
  );
}

const keyedDigest = (call: Pick<Call, 'request' | 'bodySha256'>) =>
  createHmac('sha256', presentedKey(call.request.headers) ?? '')
    .update(call.bodySha256())
    .digest('hex');
