/** What an agent may choose of the sandboxes of its runs. All errors: CordonError `validation_failed` with the field. */
import { fieldError } from '../errors.ts';
import type { DriverKind } from '../sandbox/driver.ts';

export interface AgentSandbox {
  /** Of runs that name none. */
  driver?: DriverKind;
  /** Of container runs that name none, if it has their language. */
  image?: string;
  /** Of its containers. */
  runtime?: 'runc' | 'gvisor';
}

export const driverKinds = ['isolate', 'container'] as const;
export const containerRuntimes = ['runc', 'gvisor'] as const;

export const sandboxFields = ['driver', 'image', 'runtime'] as const;

/**
 * The choice after a request: absent keeps what was, null takes it back.
 * `images`: names that the operator allows, in the order that a message lists them.
 */
export function changeSandbox(
  before: AgentSandbox,
  given: Partial<Record<(typeof sandboxFields)[number], unknown>>,
  images: readonly string[],
): AgentSandbox {
  const after: Record<string, unknown> = { ...before };
  const allowed = { driver: driverKinds, image: images, runtime: containerRuntimes };
  for (const field of sandboxFields) {
    const value = given[field];
    if (value === undefined) continue;
    if (value === null) delete after[field];
    else after[field] = oneOf(value, field, allowed[field]);
  }
  return after;
}

/** A name that stands in the operator's list. */
export const checkImage = (value: unknown, images: readonly string[]): string => oneOf(value, 'image', images);

function oneOf(value: unknown, field: string, allowed: readonly string[]): string {
  if (typeof value !== 'string' || !allowed.includes(value))
    throw fieldError(field, `must be one of ${allowed.join(', ')}`);
  return value;
}
