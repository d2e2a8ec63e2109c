/** Secrets as values: what a scheme takes, and how they stay out of logs. */
import { createPrivateKey } from 'node:crypto';
import { inspect } from 'node:util';
import { checkObject } from '../agent/checks.ts';
import { type AuthScheme, secretFields } from '../connector/connector.ts';
import { CordonError, fieldError } from '../errors.ts';
import type { Secret } from './credential.ts';

const MAXIMUM_BYTES = 64 * 1024;
/** Shorter ones cannot be told from ordinary text where a service's answer is searched for them. */
const SHORTEST_BYTES = 6;
/** Those that alone let someone in. A password may be a formality beside a user name that is the key. */
const alone = new Set(['token', 'value', 'clientSecret', 'refreshToken', 'secretAccessKey', 'sessionToken']);
const MINIMUM_RSA_BITS = 2048;
const HIDDEN = '[secret]';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
const control = /[\u0000-\u001f\u007f]/;
/** VSCHAR of RFC 6749, appendix A. */
const visible = /^[\x20-\x7e]+$/;

/** Frozen; shown as `[secret]` by `inspect`, `console` and JSON. Its fields can be read and listed. */
export function protectSecret(fields: Record<string, string>): Secret {
  const secret = { ...fields };
  Object.defineProperty(secret, inspect.custom, { value: () => HIDDEN });
  Object.defineProperty(secret, 'toJSON', { value: () => HIDDEN });
  return Object.freeze(secret);
}

/** Which fields a scheme has, for messages: `clientId, clientSecret (optional), refreshToken`. */
function describeFields(scheme: AuthScheme['type']): string {
  const fields = Object.entries(secretFields[scheme]) as [string, boolean][];
  return fields.map(([name, required]) => (required ? name : `${name} (optional)`)).join(', ');
}

/** Names of required fields that a secret has not. */
function missingFields(scheme: AuthScheme['type'], secret: Readonly<Record<string, unknown>>): string[] {
  const fields = Object.entries(secretFields[scheme]) as [string, boolean][];
  return fields.filter(([name, required]) => required && !Object.hasOwn(secret, name)).map(([name]) => name);
}

/**
 * The secret of a scheme from what a caller sent, or from a source, whose other fields are left out.
 * Errors: CordonError `validation_failed` on `secret` or `secret.FIELD`, `too_large`. What is wrong is said without any
 * of what was sent, names included: a caller may have put the secret where a name belongs.
 */
export function checkSecret(auth: AuthScheme, value: unknown, from: 'caller' | 'source' = 'caller'): Secret {
  const given = checkObject(value, 'secret');
  const known: Record<string, boolean> = secretFields[auth.type];
  if (from === 'caller' && Object.keys(given).some((name) => !Object.hasOwn(known, name)))
    throw fieldError(
      'secret',
      `has a field that ${auth.type} does not know: its fields are ${describeFields(auth.type)}`,
    );
  const [missing] = missingFields(auth.type, given);
  if (missing !== undefined) throw fieldError(`secret.${missing}`, `is required by ${auth.type}`);
  const secret: Record<string, string> = {};
  for (const name of Object.keys(known))
    if (Object.hasOwn(given, name)) secret[name] = checkField(auth, name, given[name]);
  return protectSecret(secret);
}

function checkField(auth: AuthScheme, name: string, value: unknown): string {
  const field = `secret.${name}`;
  if (typeof value !== 'string' || value === '' || !value.isWellFormed())
    throw fieldError(field, 'must be text that is not empty');
  if (Buffer.byteLength(value) > MAXIMUM_BYTES)
    throw new CordonError('too_large', `${field}: has more than ${MAXIMUM_BYTES} bytes`, {
      errors: [{ field, message: `must have at most ${MAXIMUM_BYTES} bytes` }],
    });
  if (alone.has(name) && Buffer.byteLength(value) < SHORTEST_BYTES)
    throw fieldError(field, `must have at least ${SHORTEST_BYTES} bytes`);
  if (name === 'privateKey') return checkPrivateKey(auth, value, field);
  if (control.test(value)) throw fieldError(field, 'must not hold control characters, nor a line break at its end');
  // RFC 7617, section 2: the first colon ends the name.
  if (name === 'username' && value.includes(':')) throw fieldError(field, 'must not hold a colon');
  if (mustBeVisible(auth.type) && !visible.test(value)) throw fieldError(field, 'must be printable ASCII');
  return value;
}

/** Those whose values go into a header or a token request as they are. `basic` takes any text (as UTF-8), `query` is encoded. */
const mustBeVisible = (scheme: AuthScheme['type']) => scheme !== 'basic' && scheme !== 'query';

/** PEM, of the kind and strength that the scheme's algorithm needs (RFC 7518, sections 3.3 and 3.4). */
function checkPrivateKey(auth: AuthScheme, value: string, field: string): string {
  const algorithm = auth.type === 'jwt_assertion' ? auth.algorithm : 'RS256';
  const wanted = algorithm === 'RS256' ? `an RSA key of ${MINIMUM_RSA_BITS} bits or more` : 'a P-256 key';
  let fits: boolean;
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = createPrivateKey(value);
    fits =
      algorithm === 'RS256'
        ? type === 'rsa' && (details.modulusLength ?? 0) >= MINIMUM_RSA_BITS
        : type === 'ec' && details.namedCurve === 'prime256v1';
  } catch {
    fits = false;
  }
  if (!fits) throw fieldError(field, `must be a private key in PEM without a passphrase: ${wanted} for ${algorithm}`);
  return value;
}
