/** Whether there is a secret for what is granted, and how old it is. */
import type { Credential } from '../../vault/credential.ts';
import { liveGrants } from './expiry.ts';
import type { Check, PolicyFacts } from './finding.ts';

const DAY_MS = 24 * 3_600_000;

/** A connector that grants use, in one name. */
interface Need {
  connector: string;
  as: 'agent' | 'user';
}

export const secretMissing: Check = {
  name: 'secret_missing',
  find: (facts) => {
    const { credentials, agent } = facts;
    if (credentials === undefined) return [];
    return needs(facts).flatMap(({ connector, as }) => {
      if (credentials.some((credential) => serves(credential, agent, connector, as))) return [];
      if (as === 'agent')
        return {
          severity: 'error' as const,
          connector,
          reason: `The agent ${agent} has no credential for ${connector}: each call would be refused.`,
          mend: `Store one with POST /v1/credentials {"connector":"${connector}","agent":"${agent}", ...}.`,
        };
      // Users come and go: that none is there yet says nothing about those who will ask for runs.
      return {
        severity: 'warning' as const,
        connector,
        reason: `Calls to ${connector} are made in the user's name, and no user has a credential for it yet.`,
        mend: `Store each user's with POST /v1/credentials {"connector":"${connector}","user":{...}, ...}.`,
      };
    });
  },
};

export const secretOld: Check = {
  name: 'secret_old',
  find: (facts) => {
    const { credentials = [], agent, nowMs, settings } = facts;
    const { secretWarnAfterMs, secretRefuseAfterMs = Number.POSITIVE_INFINITY } = settings;
    return needs(facts).flatMap(({ connector, as }) =>
      credentials
        // Users' secrets are theirs to renew: one that is too old refuses that user alone.
        .filter((credential) => as === 'agent' && serves(credential, agent, connector, as))
        .flatMap(({ id, rotatedAt }) => {
          const ageMs = nowMs - Date.parse(rotatedAt);
          if (ageMs < Math.min(secretWarnAfterMs, secretRefuseAfterMs)) return [];
          const age = `The secret of ${connector} (${id}) was set ${Math.floor(ageMs / DAY_MS)} days ago`;
          const mend = `Renew it at the service and store it with PUT /v1/credentials/${id}/secret.`;
          if (ageMs >= secretRefuseAfterMs)
            return {
              severity: 'error' as const,
              connector,
              reason: `${age} and is refused from ${days(secretRefuseAfterMs)} on.`,
              mend,
            };
          return {
            severity: 'warning' as const,
            connector,
            reason: `${age}; it should be renewed every ${days(secretWarnAfterMs)}.`,
            mend,
          };
        }),
    );
  },
};

const days = (ms: number) => `${Math.round((ms / DAY_MS) * 10) / 10} days`;

function serves({ connector, holder }: Credential, agent: string, wanted: string, as: Need['as']): boolean {
  if (connector !== wanted) return false;
  return 'user' in holder ? as === 'user' : as === 'agent' && holder.agent === agent;
}

/** Each connector and name once; connectors that take no secret need none. */
function needs(facts: PolicyFacts): Need[] {
  const found = new Map<string, Need>();
  for (const { grant, connector } of liveGrants(facts))
    if (connector && connector.auth.type !== 'none')
      found.set(`${connector.id} ${grant.as}`, { connector: connector.id, as: grant.as });
  return [...found.values()];
}
