/**
 * HashiCorp Vault and OpenBao, secrets engine KV version 2, over their HTTP API: a token of the operator, or AppRole.
 * A tenant's secrets lie below `cordon/TENANT/` of the mount: a path of one tenant cannot name another's.
 */

import type { Clock } from '../../clock.ts';
import { parseJson } from '../../json.ts';
import type { SecretSource } from '../credential.ts';
import { type SecretBackend, SourceError, type SourceSecret } from './backend.ts';

export interface HashicorpOptions {
  /** `https://vault.example.com:8200`; the operator's, so no rule of addresses holds for it. */
  address: string;
  /** Of the KV engine: `secret`. */
  mount: string;
  login: { token: string } | { roleId: string; secretId: string };
  clock: Clock;
  /** For one request. Default 10 seconds. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const MAXIMUM_BYTES = 1024 * 1024;
/** A token of AppRole is taken anew when this much of its lifetime is over. */
const USED_UP = 0.8;

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

export function createHashicorp(
  options: HashicorpOptions,
): SecretBackend<Extract<SecretSource, { kind: 'hashicorp' }>> {
  const { address, mount, login, clock, timeoutMs = TIMEOUT_MS } = options;
  const base = address.replace(/\/+$/, '');
  let session: { token: string; untilMs: number } | undefined;
  let entering: Promise<string> | undefined;

  async function ask(method: 'GET' | 'POST', path: string, { token, body }: { token?: string; body?: object }) {
    const response = await fetch(`${base}/v1/${path}`, {
      method,
      headers: { 'x-vault-request': 'true', ...(token === undefined ? {} : { 'x-vault-token': token }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // The token must not follow to another place.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      throw new SourceError('unavailable', `it could not be reached (${reasonOf(error)})`);
    });
    return readAnswer(response);
  }

  async function enter(roleId: string, secretId: string): Promise<string> {
    const body = { role_id: roleId, secret_id: secretId };
    const { status, body: answer } = await ask('POST', 'auth/approle/login', { body });
    const auth = objectAt(answer, 'auth');
    if (status !== 200 || typeof auth.client_token !== 'string')
      throw new SourceError('unavailable', `it refused the AppRole with status ${status}`);
    // 0: it does not end.
    const seconds = Number(auth.lease_duration) || Number.POSITIVE_INFINITY;
    session = { token: auth.client_token, untilMs: clock.now() + seconds * 1000 * USED_UP };
    return session.token;
  }

  async function token(): Promise<string> {
    if ('token' in login) return login.token;
    if (session !== undefined && clock.now() < session.untilMs) return session.token;
    entering ??= enter(login.roleId, login.secretId).finally(() => {
      entering = undefined;
    });
    return entering;
  }

  return {
    async read(tenant, source) {
      const path = ['cordon', tenant, ...source.path.split('/')].map(encodeURIComponent).join('/');
      const url = `${mount}/data/${path}`;
      const used = await token();
      let answer = await ask('GET', url, { token: used });
      // The token may have been revoked before its time; with another one the answer is final.
      if (answer.status === 403 && !('token' in login)) {
        if (session?.token === used) session = undefined;
        answer = await ask('GET', url, { token: await token() });
      }
      return toSecret(answer);
    },
  };
}

function toSecret({ status, body }: Answer): SourceSecret {
  // Also for a version that was deleted.
  if (status === 404) throw new SourceError('missing', 'there is no secret at this path');
  if (status === 403) throw new SourceError('unavailable', 'it does not let Cordon read this path');
  if (status !== 200) throw new SourceError('unavailable', `it answered with status ${status}`);
  const data = objectAt(body, 'data');
  const { version, created_time: createdAt } = objectAt(data, 'metadata');
  const createdMs = Date.parse(String(createdAt));
  if (!Number.isInteger(version) || Number.isNaN(createdMs))
    throw new SourceError('unavailable', 'its answer is not that of a KV engine of version 2');
  // Versions begin anew when all of a secret is deleted: only with its time a version is one secret.
  return { fields: objectAt(data, 'data'), version: `${version} ${createdAt}`, createdMs };
}

async function readAnswer(response: Response): Promise<Answer> {
  const { status } = response;
  if (status >= 300 && status < 400) {
    await response.body?.cancel();
    throw new SourceError(
      'unavailable',
      'it answered with a redirect: CORDON_VAULT_ADDR must be the address of the service',
    );
  }
  let bytes = 0;
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > MAXIMUM_BYTES) break;
      chunks.push(chunk);
    }
    if (bytes > MAXIMUM_BYTES) throw new SourceError('unavailable', 'its answer is too large');
    const body: unknown = bytes === 0 ? {} : parseJson(Buffer.concat(chunks).toString('utf8'));
    return { status, body: typeof body === 'object' && body !== null ? (body as Answer['body']) : {} };
  } catch (error) {
    if (error instanceof SourceError) throw error;
    if (status !== 200) return { status, body: {} };
    throw new SourceError('unavailable', 'its answer broke off, or is not JSON');
  }
}

function objectAt(value: Record<string, unknown>, name: string): Record<string, unknown> {
  const found = value[name];
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Record<string, unknown>) : {};
}

/** `ECONNREFUSED`, `TimeoutError`: never the address or what was sent. */
function reasonOf(error: unknown): string {
  const { name, cause } = error as Error & { cause?: { code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : name;
}
