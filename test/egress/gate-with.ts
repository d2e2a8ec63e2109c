import type { CompiledConnector, Connector, Operation } from '../../runtime/connector/connector.ts';
import type { CleanRequest } from '../../runtime/egress/auth/foreign-credential.ts';
import type { EgressError, RunEgress } from '../../runtime/egress/egress.ts';
import { createGate, type GateDeps } from '../../runtime/egress/gate.ts';
import type { Grant } from '../../runtime/permission/grant.ts';
import { compilePolicy } from '../../runtime/permission/policy.ts';

interface Rights {
  requiresApproval?: boolean;
  /** Given what ends the call, as a grant that is taken away does. */
  onRevoked?: (listener: () => void) => void;
}

/** A gate on stand-ins: one connector, one grant. `more` takes the place of some of them. */
export function gateWith(
  more: Record<string, unknown>,
  { requiresApproval = false, onRevoked = () => {} }: Rights = {},
) {
  const operation: Operation = { name: 'put', method: 'PUT', path: '/x', effect: 'write', parameters: [] };
  const about = { id: 'c', tenant: 't', auth: { type: 'bearer' }, origins: ['https://c.example.com'] };
  const connector = { ...about, operations: [operation] } as unknown as Connector;
  const compiled: CompiledConnector = {
    connector,
    match: () => ({ kind: 'operation', operation, pathParameters: {} }),
  };
  const grant: Grant = {
    ...{ id: 'grt_1', agent: 'a', connector: 'c', operations: ['put'], constraints: {}, requiresApproval },
    ...{ as: 'agent', status: 'in_force', createdAt: '2026-01-01T00:00:00Z' },
  };
  const policy = compilePolicy('a', { status: 'active', grants: [grant], pending: [] });
  const permissions = { policy: async () => policy, isCurrent: () => true, count() {}, used: () => 0 };
  const credential = { credentialId: 'k', version: 1, secret: { token: 'abcdefgh' } };
  const deps = {
    store: { transaction: async (body: (tx: unknown) => unknown) => body({}), hurry() {} },
    clock: { now: () => Date.now() },
    log: { error() {} },
    audit: { add() {} },
    connectors: { forOrigin: async () => [compiled] },
    permissions: {
      ...permissions,
      whenRevoked(_owner: unknown, _grant: string, listener: () => void) {
        onRevoked(listener);
        return () => {};
      },
    },
    approvals: { ask: async () => ({ id: 'apr_1' }) },
    vault: { lease: async () => ({ ...credential, revoked: new AbortController().signal, release() {} }) },
    authenticator: {
      authenticate: async ({ clean }: { clean: CleanRequest }) => ({ ...clean, secrets: [] }),
      forget: () => false,
    },
    upstream: {
      async send({ signal }: { signal: AbortSignal }) {
        signal.throwIfAborted();
        return { status: 200, statusText: '', headers: [], body: (async function* () {})() };
      },
    },
    settings: { requestBytes: 1000, responseBytes: 1000, heldBytes: 10_000, callMs: 60_000 },
    ...more,
  } as unknown as GateDeps;
  const gate = createGate(deps);
  return (tenant: string) =>
    gate.open({
      ...{ owner: { tenant, agent: 'a' }, runId: 'run_1', user: undefined },
      limits: { egressRequests: 10, egressBytes: 100_000 },
      ...{ onCall() {}, onWaiting() {} },
    });
}

/** `answered`, or the reason of the refusal. */
export const ask = (egress: RunEgress) =>
  egress
    .request(
      { method: 'PUT', url: 'https://c.example.com/x', headers: [], body: Buffer.alloc(1000) },
      { redirect: 'manual' },
    )
    .then(
      () => 'answered',
      (error: EgressError) => error.reason,
    );
