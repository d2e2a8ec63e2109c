/** The list of checks, in the order in which findings of one severity are shown. Features add theirs here. */
import { constraintParameter, unconstrained } from './constraints.ts';
import { ended, noDeadline } from './expiry.ts';
import type { Check } from './finding.ts';
import { connectorMissing, nothingGranted, unknownOperation } from './operations.ts';
import { secretMissing, secretOld } from './secrets.ts';
import { unused, unusedOperations } from './unused.ts';
import { wildcard } from './wildcards.ts';

export const checks: readonly Check[] = [
  connectorMissing,
  unknownOperation,
  wildcard,
  unconstrained,
  constraintParameter,
  secretMissing,
  secretOld,
  noDeadline,
  unused,
  unusedOperations,
  ended,
  nothingGranted,
];
