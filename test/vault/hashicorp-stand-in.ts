/** Answers as the HTTP API of HashiCorp Vault's KV engine (version 2) and AppRole is documented to. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export const roleId = 'role-id-of-cordon';
export const secretId = 'secret-id-of-cordon';

interface Version {
  data: unknown;
  version: number;
  createdAt: string;
}

export async function startHashicorp() {
  const secrets = new Map<string, Version>();
  const tokens = new Set<string>(['root-token']);
  const seen: { method: string; path: string; token: string | undefined; body: string }[] = [];
  let leaseSeconds = 3600;
  /** Answers first, when it is set. */
  let instead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const token = request.headers['x-vault-token'] as string | undefined;
    const path = request.url ?? '';
    seen.push({ method: request.method ?? '', path, token, body });
    if (instead !== undefined) return instead(request, response);
    const answer = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (request.method === 'POST' && path === '/v1/auth/approle/login') {
      const given = JSON.parse(body);
      if (given.role_id !== roleId || given.secret_id !== secretId)
        return answer(400, { errors: ['invalid role or secret ID'] });
      const made = `s.token-${tokens.size}`;
      tokens.add(made);
      return answer(200, { auth: { client_token: made, lease_duration: leaseSeconds, renewable: true } });
    }
    if (token === undefined || !tokens.has(token)) return answer(403, { errors: ['permission denied'] });
    const found = /^\/v1\/secret\/data\/(.+)$/.exec(path)?.[1];
    if (request.method !== 'GET' || found === undefined) return answer(404, { errors: [] });
    const held = secrets.get(found);
    if (held === undefined) return answer(404, { errors: [] });
    const { data, version, createdAt } = held;
    const metadata = { created_time: createdAt, deletion_time: '', destroyed: false, version };
    // As for a version that was deleted.
    if (data === null)
      return answer(404, { data: { data: null, metadata: { ...metadata, deletion_time: createdAt } } });
    return answer(200, { request_id: 'x', lease_id: '', renewable: false, data: { data, metadata }, auth: null });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    tokens,
    put(path: string, data: unknown, createdAt: string, version = (secrets.get(path)?.version ?? 0) + 1) {
      secrets.set(path, { data, version, createdAt });
    },
    remove: (path: string) => secrets.delete(path),
    leaseFor(seconds: number) {
      leaseSeconds = seconds;
    },
    answerInstead(answer: typeof instead) {
      instead = answer;
    },
  };
}
