/** Egress of a run whose tenant has no connector: the real gate, with nothing behind it. */
import { systemClock } from '../../runtime/clock.ts';
import { createGate, type GateDeps } from '../../runtime/egress/gate.ts';
import { compilePolicy } from '../../runtime/permission/policy.ts';
import { createGuestEgress, type GuestEgress } from '../../runtime/run/guest-egress.ts';

export function closedEgress(): GuestEgress {
  const unreachable = () => {
    throw new Error('nothing may get this far');
  };
  const gate = createGate({
    // Refused calls are written down: nowhere here.
    store: { transaction: async (body: (tx: never) => unknown) => body({} as never), hurry: () => {} } as never,
    clock: systemClock,
    log: { error: unreachable } as never,
    audit: { add() {} } as never,
    connectors: { forOrigin: async () => [] },
    permissions: {
      policy: async () => compilePolicy('agent', { status: 'draft', grants: [], pending: [] }),
      ...{ count: unreachable, used: () => 0, whenRevoked: unreachable },
    },
    approvals: { ask: unreachable },
    vault: { lease: unreachable },
    authenticator: { authenticate: unreachable, forget: unreachable },
    upstream: { send: unreachable },
    settings: { requestBytes: 1024, heldBytes: 1024, responseBytes: 1024, callMs: 1000 },
  } satisfies GateDeps);
  const run = gate.open({
    owner: { tenant: 'default', agent: 'agent' },
    runId: 'run_closed',
    user: undefined,
    limits: { egressRequests: 1000, egressBytes: 1024 },
    onCall: () => {},
    onWaiting: () => {},
  });
  return createGuestEgress(run);
}
