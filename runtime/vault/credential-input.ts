/** Checks of what admins send for a credential. All errors: CordonError `validation_failed` with the field. */
import { checkBounded, checkObject, checkSlug } from '../agent/checks.ts';
import { fieldError } from '../errors.ts';
import type { Holder, Rotation, SecretSource, User } from './credential.ts';

const HOUR_MS = 3_600_000;
const MAXIMUM_ISSUER = 1024;
/** OpenID Connect Core 1.0, section 2: `sub`. */
const MAXIMUM_SUBJECT = 255;
const MAXIMUM_URL = 2048;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
const control = /[\u0000-\u001f\u007f]/;

export const isName = (value: unknown, maximum: number): value is string =>
  typeof value === 'string' &&
  value.length >= 1 &&
  value.length <= maximum &&
  value.isWellFormed() &&
  !control.test(value);

export const isIssuerName = (value: unknown): value is string => isName(value, MAXIMUM_ISSUER);
export const isSubject = (value: unknown): value is string => isName(value, MAXIMUM_SUBJECT);

export function checkHolder({ agent, user }: { agent?: unknown; user?: unknown }): Holder {
  if ((agent === undefined) === (user === undefined))
    throw fieldError('agent', 'exactly one of agent and user must be given');
  return user === undefined ? { agent: checkSlug(agent, 'agent') } : { user: checkUser(user) };
}

function checkUser(value: unknown): User {
  const { issuer, subject, ...rest } = checkObject(value, 'user');
  refuseOthers(rest, 'user');
  if (!isIssuerName(issuer)) throw fieldError('user.issuer', `must be text of 1 to ${MAXIMUM_ISSUER} characters`);
  if (!isSubject(subject)) throw fieldError('user.subject', `must be text of 1 to ${MAXIMUM_SUBJECT} characters`);
  return { issuer, subject };
}

/** A source other than Cordon itself; undefined when none is given. */
export function checkSource(value: unknown): Exclude<SecretSource, { kind: 'embedded' }> | undefined {
  if (value === undefined) return undefined;
  const { kind, path, ...rest } = checkObject(value, 'source');
  if (kind !== 'hashicorp' && kind !== 'aws_secrets_manager')
    throw fieldError('source.kind', 'must be hashicorp or aws_secrets_manager');
  refuseOthers(rest, 'source');
  if (typeof path !== 'string' || path.length > 512 || !path.split('/').every(isPathPart))
    throw fieldError('source.path', 'must be names of letters, digits, _ . and - with / between them');
  return { kind, path };
}

/** No part that a server would take for a step up. */
const isPathPart = (part: string) => /^[\w.-]+$/.test(part) && !/^\.+$/.test(part);

export function checkRotation(value: unknown): Rotation | undefined {
  if (value === undefined) return undefined;
  const { everyMs, webhook, ...rest } = checkObject(value, 'rotation');
  refuseOthers(rest, 'rotation');
  const bounds = { minimum: HOUR_MS, ceiling: 10 * 365 * 24 * HOUR_MS, unit: 'milliseconds' };
  const every = checkBounded(everyMs, 'rotation.everyMs', bounds);
  if (webhook === undefined) return { everyMs: every };
  if (typeof webhook !== 'string' || !isHttpsUrl(webhook))
    throw fieldError('rotation.webhook', 'must be an https URL without a user or fragment');
  return { everyMs: every, webhook };
}

/** Without userinfo or fragment. Whether its address may be reached is judged when it is. */
export function isHttpsUrl(text: string): boolean {
  if (text.length > MAXIMUM_URL || !/^https:\/\/[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return url.username === '' && url.password === '' && !text.includes('#');
}

function refuseOthers(rest: Record<string, unknown>, field: string): void {
  const [name] = Object.keys(rest);
  if (name !== undefined) throw fieldError(`${field}.${name.slice(0, 100)}`, 'is not known');
}
