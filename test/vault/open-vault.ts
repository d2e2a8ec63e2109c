/** A vault on a store of its own: tenant `default` with the agents `reporter` and `default`, and connectors of every scheme. */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { createAgents } from '../../runtime/agent/agents.ts';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { createAudit } from '../../runtime/audit/audit.ts';
import type { AuthScheme } from '../../runtime/connector/connector.ts';
import { type CordonError, notFound } from '../../runtime/errors.ts';
import { createLog } from '../../runtime/telemetry/log.ts';
import type { Backends } from '../../runtime/vault/backends/backend.ts';
import { openMasterKey } from '../../runtime/vault/master-key.ts';
import type { KnownConnector } from '../../runtime/vault/read-secret.ts';
import { createVault, type VaultDeps } from '../../runtime/vault/vault.ts';
import { manualClock, scratchDir, scratchStore } from '../store/scratch.ts';

export const by = { key: 'key_test' };
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

const tokenUrl = 'https://login.example.com/token';
export const schemes: Record<string, AuthScheme> = {
  slack: { type: 'bearer' },
  crm: { type: 'bearer' },
  open: { type: 'none' },
  mail: { type: 'basic' },
  maps: { type: 'query', name: 'key' },
  custom: { type: 'header', name: 'X-Key' },
  drive: { type: 'oauth2_refresh', tokenUrl },
  machine: { type: 'oauth2_client_credentials', tokenUrl },
  rsa: { type: 'jwt_assertion', tokenUrl, algorithm: 'RS256' },
  ec: { type: 'jwt_assertion', tokenUrl, algorithm: 'ES256' },
  s3: { type: 'aws_sigv4', region: 'eu-west-1', service: 's3' },
};

export interface OpenOptions {
  backends?: Backends;
  refuseAfterMs?: number;
  postWebhook?: VaultDeps['postWebhook'];
}

export async function openVault({ backends = {}, refuseAfterMs, postWebhook }: OpenOptions = {}) {
  const dir = scratchDir();
  const storeDir = scratchDir();
  const store = await scratchStore(storeDir);
  const clock = manualClock();
  const lines: string[] = [];
  const log = createLog('debug', { write: (line) => lines.push(line) });
  await createTenants({ store, clock }).ensureDefault();
  const agents = createAgents({ store, clock });
  await agents.create('default', { id: 'reporter' });
  const known = new Map<string, KnownConnector>();
  /** Puts a connector in its place as the registry of connectors does: listeners hear of it. */
  const setConnector = async (id: string, auth: AuthScheme, origin = `https://${id}.example.com`) => {
    known.set(id, { id, auth, origins: [origin] });
    await store.transaction((tx) => tx.put(['connector', 'default', id], { auth, origin }));
  };
  for (const [id, auth] of Object.entries(schemes)) await setConnector(id, auth);
  const audit = createAudit({ store, clock });
  const masterKey = await openMasterKey(store, { key: undefined, file: join(dir, 'master-key') });
  const deps: VaultDeps = {
    store,
    clock,
    log,
    audit,
    masterKey,
    connectors: {
      async get(tenant, id) {
        const found = tenant === 'default' ? known.get(id) : undefined;
        if (found === undefined) throw notFound(`Connector ${id}`);
        return found;
      },
    },
    backends,
    postWebhook: postWebhook ?? (async () => {}),
    settings: { warnAfterMs: 30 * DAY_MS, refuseAfterMs },
  };
  const vault = createVault(deps);
  const tenant = 'default';
  return {
    vault,
    deps,
    store,
    storeDir,
    dir,
    clock,
    agents,
    audit,
    lines,
    setConnector,
    /** The agent `reporter`'s bearer token for `slack`. */
    keep: (token: string, more: object = {}) =>
      vault.create(tenant, { connector: 'slack', agent: 'reporter', secret: { token }, ...more }, by),
    lease: (user?: { issuer: string; subject: string }, connector = 'slack') =>
      vault.lease({ tenant, agent: 'reporter', connector, ...(user ? { user } : {}) }),
  };
}

export type OpenVault = Awaited<ReturnType<typeof openVault>>;

export const privateKey = (kind: 'rsa' | 'small rsa' | 'ec' | 'p384') => {
  const { privateKey: key } =
    kind === 'ec' || kind === 'p384'
      ? generateKeyPairSync('ec', { namedCurve: kind === 'ec' ? 'P-256' : 'P-384' })
      : generateKeyPairSync('rsa', { modulusLength: kind === 'rsa' ? 2048 : 1024 });
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
};

/** What a promise was rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<CordonError> {
  return promise.then(
    () => {
      throw new Error('it was not refused');
    },
    (error) => error,
  );
}

export const field = (name: string) => ({ code: 'validation_failed', details: { errors: [{ field: name }] } });
