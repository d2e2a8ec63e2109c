/** The routes of checks and approvals over the parts of `openPolicies`, as `createApp` mounts them. */
import { join } from 'node:path';
import { addApprovalRoutes } from '../../api/approvals.ts';
import { addPreflightRoutes } from '../../api/preflight.ts';
import { createServer } from '../../api/server.ts';
import { createKeys } from '../../runtime/agent/keys.ts';
import { createApprovals } from '../../runtime/permission/approvals.ts';
import { createIdempotency } from '../../runtime/run/idempotency.ts';
import { createLog } from '../../runtime/telemetry/log.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { scratchDir } from '../store/scratch.ts';
import { openPolicies } from './policies.ts';

export async function openInterface() {
  const parts = await openPolicies();
  const { store, clock, audit } = parts;
  const keys = createKeys({ store, clock });
  const idempotency = createIdempotency({ store, clock });
  const approvals = createApprovals({ store, clock, audit, waitMs: 600_000 });
  const { metrics } = await createTelemetry({});
  const log = createLog('silent', { write() {} });
  const { app, add } = createServer({ runtime: { keys }, log, metrics });
  addPreflightRoutes(add, { ...parts, idempotency });
  addApprovalRoutes(add, { approvals });

  const first = 'first-key-of-the-operator-of-this-test';
  await keys.ensureFirst({ adminKey: first, file: join(scratchDir(), 'admin-key') });
  const operator = await keys.authenticate(first);
  if (!operator) throw new Error('the first key is not valid');
  const secrets = new Map<string, string>();
  const keyOf = async (role: string, tenant: string): Promise<string> => {
    const name = `${role} ${tenant}`;
    const secret = secrets.get(name) ?? (await keys.create({ name, role, tenant }, operator)).secret;
    secrets.set(name, secret);
    return secret;
  };

  return {
    ...parts,
    approvals,
    app,
    /** `as`: a role in the tenant, default `admin`. `body`: as JSON, text as it is; absent: no body. */
    async request(
      method: string,
      path: string,
      { as = 'admin', tenant = 'default', body, headers = {} }: RequestOptions = {},
    ): Promise<{ status: number; headers: Headers; json: any }> {
      const response = await app.request(`http://cordon.test${path}`, {
        method,
        headers: { authorization: `Bearer ${await keyOf(as, tenant)}`, ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, json: text === '' ? undefined : JSON.parse(text) };
    },
  };
}

interface RequestOptions {
  as?: string;
  tenant?: string;
  body?: unknown;
  headers?: Record<string, string>;
}
