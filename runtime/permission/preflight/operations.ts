/** Whether what is granted exists at all. */
import type { Check } from './finding.ts';

export const connectorMissing: Check = {
  name: 'connector_missing',
  find: ({ grants }) =>
    grants
      .filter(({ connector }) => connector === undefined)
      .map(({ grant }) => ({
        severity: 'error' as const,
        grant: grant.id,
        connector: grant.connector,
        reason: `The connector ${grant.connector} does not exist.`,
        mend: 'Make the connector with POST /v1/connectors, or delete the grant.',
      })),
};

/** A pattern that matches nothing waits for whatever gets this name later. */
export const unknownOperation: Check = {
  name: 'unknown_operation',
  find: ({ grants }) =>
    grants.flatMap(({ grant, connector, patterns }) => {
      if (connector === undefined) return [];
      return patterns
        .filter(({ operations }) => operations.length === 0)
        .map(({ pattern }) => ({
          severity: 'error' as const,
          grant: grant.id,
          connector: connector.id,
          operation: pattern,
          reason: `The connector ${connector.id} has no operation ${pattern}.`,
          mend: 'Take it out of the grant, or replace the connector by one that has it.',
        }));
    }),
};

export const nothingGranted: Check = {
  name: 'nothing_granted',
  find: ({ agent, status, grants }) =>
    status === 'draft' && grants.length === 0
      ? [
          {
            severity: 'info',
            reason: 'The policy grants nothing: every call will be refused.',
            mend: `Ask for what the agent needs with POST /v1/agents/${agent}/grants.`,
          },
        ]
      : [],
};
