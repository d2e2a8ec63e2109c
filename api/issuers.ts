import { notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { created, json, noContent } from './answer.ts';
import { anyJson, page, pageQuery, slug, timestamp } from './fields.ts';
import { z } from './http.ts';
import { createOnce, idempotencyHeaders } from './idempotency.ts';
import type { AddRoute } from './route.ts';

const BODY_BYTES = 256 * 1024;

/** As runtime/vault/issuer.ts checks them. */
const algorithm = z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']);
const keySet = z.looseObject({ keys: z.array(z.record(z.string(), anyJson)) });

const issuer = z
  .object({
    id: z.string(),
    tenant: slug,
    issuer: z.string(),
    audience: z.string(),
    jwksUri: z.string().optional(),
    jwks: keySet.optional(),
    algorithms: z.array(algorithm),
    createdAt: timestamp,
  })
  .openapi('Issuer');

const issuerInput = z
  .strictObject({
    issuer: z.string().min(1).max(1024).openapi({ description: 'As `iss` of its tokens' }),
    audience: z.string().min(1).max(1024).openapi({ description: 'That `aud` of its tokens must hold' }),
    jwksUri: z
      .string()
      .max(2048)
      .optional()
      .openapi({ description: '`https` URL of its keys; exactly one of `jwksUri` and `jwks`' }),
    jwks: keySet.optional().openapi({ description: 'Its public keys (RFC 7517)' }),
    algorithms: z.array(algorithm).min(1).optional().openapi({ description: 'Default: RS256 and ES256' }),
  })
  .openapi('IssuerInput');

export function addIssuerRoutes(add: AddRoute, runtime: Runtime): void {
  const { issuers, idempotency } = runtime;

  add(
    {
      name: 'POST /v1/issuers',
      tag: 'issuers',
      summary: 'Believe the tokens of an issuer',
      description: 'Runs can then be made on behalf of the users whom its tokens name.',
      headers: idempotencyHeaders,
      body: { schema: issuerInput, limitBytes: BODY_BYTES },
      responses: { 201: { description: 'Registered', schema: issuer } },
    },
    (call) => {
      const register = () => issuers.create(call.tenant, call.body, { key: call.principal.keyId });
      return createOnce(idempotency, call, 'POST /v1/issuers', register, (made) => created(made, '/v1/issuers'));
    },
  );

  add(
    {
      name: 'GET /v1/issuers',
      tag: 'issuers',
      summary: 'List issuers, newest first',
      query: z.strictObject(pageQuery),
      responses: { 200: { description: 'A page of issuers', schema: page(issuer) } },
    },
    async ({ tenant, query }) => json(await issuers.list(tenant, query)),
  );

  add(
    {
      name: 'DELETE /v1/issuers/{id}',
      tag: 'issuers',
      summary: 'Believe its tokens no longer',
      responses: { 204: { description: 'It is gone' } },
    },
    async (call) => {
      if (!/^iss_[0-9a-z]{1,40}$/.test(call.params.id)) throw notFound('This issuer');
      await issuers.delete(call.tenant, call.params.id, { key: call.principal.keyId });
      return noContent();
    },
  );
}
