/** From what an agent was granted and what it used: a proposal of less. Changes nothing. */
import type { Audit } from '../audit/audit.ts';
import type { Clock } from '../clock.ts';
import type { Connectors } from '../connector/connectors.ts';
import type { Owner } from '../sandbox/driver.ts';
import { knownConnectors } from './known-connectors.ts';
import type { Permissions } from './permissions.ts';
import { type Proposal, propose } from './proposal.ts';
import { readRecordedCalls } from './recorded-calls.ts';

export interface ProposeDeps {
  audit: Pick<Audit, 'list'>;
  permissions: Pick<Permissions, 'policy' | 'used'>;
  connectors: Pick<Connectors, 'get'>;
  clock: Clock;
}

/** Of an agent, from its record as far back as the audit goes. */
export type Propose = (owner: Owner) => Promise<Proposal>;

export function createPropose({ audit, permissions, connectors, clock }: ProposeDeps): Propose {
  return async (owner) => {
    const record = await readRecordedCalls(audit, owner);
    const policy = await permissions.policy(owner);
    const named = [...policy.grants, ...record.groups].map(({ connector }) => connector);
    const known = await knownConnectors(connectors, owner.tenant, named);
    const operations = new Map([...known].map(([id, connector]) => [id, connector.operations]));
    const used = (grantId: string) => permissions.used(owner, grantId);
    return propose({ policy, operations, record, used, nowMs: clock.now() });
  };
}
