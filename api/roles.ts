import { type Role, roles } from '../runtime/agent/roles.ts';
import { CordonError } from '../runtime/errors.ts';

/** `public` answers without a key. */
export type Access = Role | 'public';

/** The weakest role that may call each route. The only such table: a route that is missing here cannot be mounted. */
export const access = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /docs': 'public',
  'GET /openapi.json': 'public',
  'GET /metrics': 'operator',
  'GET /v1/config': 'operator',
  'GET /v1/drivers': 'operator',

  'POST /v1/tenants': 'operator',
  'GET /v1/tenants': 'operator',
  'GET /v1/tenants/{id}': 'operator',
  'DELETE /v1/tenants/{id}': 'operator',

  'POST /v1/keys': 'admin',
  'GET /v1/keys': 'admin',
  'DELETE /v1/keys/{id}': 'admin',

  'POST /v1/agents': 'developer',
  'GET /v1/agents': 'viewer',
  'GET /v1/agents/{id}': 'viewer',
  'PATCH /v1/agents/{id}': 'developer',
  'DELETE /v1/agents/{id}': 'developer',

  'POST /v1/runs': 'developer',
  'GET /v1/runs': 'viewer',
  'GET /v1/runs/{id}': 'viewer',
  'DELETE /v1/runs/{id}': 'developer',
  'POST /v1/runs/{id}/cancel': 'developer',
  'GET /v1/runs/{id}/events': 'viewer',

  'GET /v1/agents/{id}/files': 'viewer',
  'GET /v1/agents/{id}/files/{path}': 'viewer',
  'PUT /v1/agents/{id}/files/{path}': 'developer',
  'DELETE /v1/agents/{id}/files/{path}': 'developer',

  'GET /v1/agents/{id}/memory': 'viewer',
  'GET /v1/agents/{id}/memory/{key}': 'viewer',
  'PUT /v1/agents/{id}/memory/{key}': 'developer',
  'DELETE /v1/agents/{id}/memory/{key}': 'developer',

  'GET /v1/catalog': 'viewer',
  'GET /v1/catalog/{name}': 'viewer',
  'POST /v1/connectors': 'admin',
  'GET /v1/connectors': 'viewer',
  'GET /v1/connectors/{id}': 'viewer',
  'PUT /v1/connectors/{id}': 'admin',
  'DELETE /v1/connectors/{id}': 'admin',
  'PUT /v1/tenants/{id}/connectors/{connector}/connect-to': 'operator',
  'DELETE /v1/tenants/{id}/connectors/{connector}/connect-to': 'operator',

  'POST /v1/agents/{id}/grants': 'developer',
  'GET /v1/agents/{id}/grants': 'viewer',
  'GET /v1/agents/{id}/grants/{grant}': 'viewer',
  'PUT /v1/agents/{id}/grants/{grant}': 'developer',
  'DELETE /v1/agents/{id}/grants/{grant}': 'developer',
  'GET /v1/agents/{id}/permissions': 'viewer',
  'POST /v1/agents/{id}/permissions/propose': 'developer',
  'GET /v1/agents/{id}/preflight': 'viewer',
  'POST /v1/agents/{id}/activate': 'developer',
  'POST /v1/agents/{id}/waivers': 'admin',
  'GET /v1/agents/{id}/waivers': 'viewer',
  'DELETE /v1/agents/{id}/waivers/{waiver}': 'admin',

  'GET /v1/approvals': 'viewer',
  'GET /v1/approvals/{id}': 'viewer',
  'POST /v1/approvals/{id}/approve': 'admin',
  'POST /v1/approvals/{id}/deny': 'admin',

  'POST /v1/credentials': 'admin',
  'GET /v1/credentials': 'admin',
  'GET /v1/credentials/{id}': 'admin',
  'PUT /v1/credentials/{id}/secret': 'admin',
  'DELETE /v1/credentials/{id}': 'admin',
  'POST /v1/issuers': 'admin',
  'GET /v1/issuers': 'admin',
  'DELETE /v1/issuers/{id}': 'admin',

  'GET /v1/audit': 'viewer',
} as const satisfies Record<string, Access>;

export type RouteName = keyof typeof access;

/** Every role may do what the weaker ones may. */
const rank = (role: Role) => -roles.indexOf(role);

/** The role in words: nothing is stronger than an operator. */
const orStronger = (needed: Role) => (needed === 'operator' ? needed : `${needed} or a stronger one`);

/** What a key needs for a route, for its description in the OpenAPI document. */
export const needs = (name: RouteName): string =>
  access[name] === 'public' ? 'Needs no key.' : `Needs the role ${orStronger(access[name])}.`;

/** Errors: CordonError `forbidden`, naming the role that is needed. */
export function authorize(role: Role, needed: Role): void {
  if (rank(role) < rank(needed))
    throw new CordonError(
      'forbidden',
      `This needs a key with the role ${orStronger(needed)}; this key is ${/^[ao]/.test(role) ? 'an' : 'a'} ${role}'s.`,
    );
}
