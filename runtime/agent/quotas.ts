/** Quotas of an agent, and the checks of limits and quotas that come from callers. */
import { fieldError } from '../errors.ts';
import { defaultLimits, type Limits, limitTable } from '../sandbox/limits.ts';
import { checkBounded, checkObject } from './checks.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** Default, ceiling and unit. A value above the ceiling is refused, never clamped. */
export const quotaTable = {
  concurrentRuns: { default: 32, ceiling: 10_000, unit: 'runs', what: 'runs that run at once; more wait in the queue' },
  runsPerMinute: { default: 60_000, ceiling: 1_000_000, unit: 'runs', what: 'runs admitted in any 60 seconds' },
  queuedRuns: { default: 1000, ceiling: 100_000, unit: 'runs', what: 'runs that wait in the queue' },
  workspaceBytes: { default: GiB, ceiling: 1024 * GiB, unit: 'bytes', what: 'files of the workspace' },
  workspaceFiles: { default: 100_000, ceiling: 10_000_000, unit: 'files', what: 'files and folders of the workspace' },
  memoryBytes: { default: 64 * MiB, ceiling: 16 * GiB, unit: 'bytes', what: 'keys and values of the memory' },
} as const satisfies Record<string, Bound>;

interface Bound {
  default: number;
  ceiling: number;
  unit: string;
  what: string;
  minimum?: number;
}

export type QuotaName = keyof typeof quotaTable;
export type Quotas = Record<QuotaName, number>;

export const quotaNames = Object.keys(quotaTable) as QuotaName[];

export const defaultQuotas = Object.freeze(
  Object.fromEntries(quotaNames.map((name) => [name, quotaTable[name].default])),
) as Quotas;

/**
 * Limits as a caller gave them: known names, whole numbers, from the minimum to the ceiling.
 * Errors: CordonError `validation_failed` with the field, as `limits.cpuMs`.
 */
export const checkLimits = (value: unknown, field = 'limits'): Partial<Limits> => checkTable(limitTable, value, field);

/** As checkLimits, for quotas; fields as `quotas.memoryBytes`. */
export const checkQuotas = (value: unknown, field = 'quotas'): Partial<Quotas> => checkTable(quotaTable, value, field);

/** The limits of one run: what it asks for, else what its agent has, else the defaults. All parts are checked before. */
export const runLimits = (agent: Partial<Limits>, run: Partial<Limits>): Limits => ({
  ...defaultLimits,
  ...agent,
  ...run,
});

export const fillQuotas = (quotas: Partial<Quotas>): Quotas => ({ ...defaultQuotas, ...quotas });

function checkTable<N extends string>(
  table: Record<N, Bound>,
  value: unknown,
  field: string,
): Partial<Record<N, number>> {
  const checked: Partial<Record<N, number>> = {};
  for (const [name, number] of Object.entries(checkObject(value, field))) {
    if (!Object.hasOwn(table, name))
      throw fieldError(`${field}.${name}`, `is not known; there are ${Object.keys(table).join(', ')}`);
    checked[name as N] = checkBounded(number, `${field}.${name}`, table[name as N]);
  }
  return checked;
}
