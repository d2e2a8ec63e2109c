/** The domain of issuers, and the checks of what admins send for one. */
import { createPublicKey } from 'node:crypto';
import { checkObject } from '../agent/checks.ts';
import { fieldError } from '../errors.ts';
import { type JsonObject, parseJson } from '../json.ts';
import { isHttpsUrl, isIssuerName } from './credential-input.ts';

/** Signatures by a private key alone: with `HS*` whoever can check a token can make one, and `none` is none. */
export const tokenAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export type TokenAlgorithm = (typeof tokenAlgorithms)[number];

/** Who may say, by a signed token, for which user a run is made. */
export interface Issuer {
  id: string;
  tenant: string;
  /** As `iss` of its tokens, compared exactly. */
  issuer: string;
  /** That `aud` must hold. */
  audience: string;
  /** Where its keys are read; absent when they were given. */
  jwksUri?: string;
  /** The public keys that were given. */
  jwks?: KeySet;
  algorithms: TokenAlgorithm[];
  createdAt: string;
}

/** A JWK Set (RFC 7517) of public keys. */
export interface KeySet {
  keys: JsonObject[];
}

/** Unchecked, as callers send it: exactly one of `jwksUri` and `jwks`. */
export interface IssuerInput {
  issuer: unknown;
  audience: unknown;
  jwksUri?: unknown;
  jwks?: unknown;
  /** Default: RS256 and ES256. */
  algorithms?: unknown;
}

/** What is stored. */
export interface IssuerRecord extends Omit<Issuer, 'id' | 'tenant' | 'createdAt'> {
  createdMs: number;
}

const defaultAlgorithms: readonly TokenAlgorithm[] = ['RS256', 'ES256'];
const MAXIMUM_KEYS = 100;
const MAXIMUM_KEY = 16 * 1024;
const MINIMUM_RSA_BITS = 2048;
/** Parts of private and of symmetric keys (RFC 7518, section 6). */
const privateParts = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Errors: CordonError `validation_failed` with the field. */
export function checkIssuer(input: IssuerInput, nowMs: number): IssuerRecord {
  const { issuer, audience, jwksUri, jwks } = input;
  if (!isIssuerName(issuer)) throw fieldError('issuer', 'must be text of 1 to 1024 characters, as `iss` of its tokens');
  if (!isIssuerName(audience)) throw fieldError('audience', 'must be text of 1 to 1024 characters');
  if ((jwksUri === undefined) === (jwks === undefined))
    throw fieldError('jwksUri', 'exactly one of jwksUri and jwks must be given');
  if (jwksUri !== undefined && (typeof jwksUri !== 'string' || !isHttpsUrl(jwksUri)))
    throw fieldError('jwksUri', 'must be an https URL without a user or fragment');
  return {
    issuer,
    audience,
    ...(jwksUri === undefined ? { jwks: checkKeys(jwks) } : { jwksUri }),
    algorithms: input.algorithms === undefined ? [...defaultAlgorithms] : checkAlgorithms(input.algorithms),
    createdMs: nowMs,
  };
}

function checkAlgorithms(value: unknown): TokenAlgorithm[] {
  const isList = Array.isArray(value) && value.length > 0 && new Set(value).size === value.length;
  if (!isList || !value.every((name) => tokenAlgorithms.includes(name)))
    throw fieldError('algorithms', `must be a list of ${tokenAlgorithms.join(', ')}, each at most once`);
  return value;
}

function checkKeys(value: unknown): KeySet {
  const { keys } = checkObject(value, 'jwks');
  if (!Array.isArray(keys) || keys.length < 1 || keys.length > MAXIMUM_KEYS)
    throw fieldError('jwks.keys', `must be a list of 1 to ${MAXIMUM_KEYS} keys`);
  return {
    keys: keys.map((key, index) => {
      const field = `jwks.keys.${index}`;
      const given = checkObject(key, field) as JsonObject;
      if (privateParts.some((part) => Object.hasOwn(given, part)))
        throw fieldError(field, 'must be a public key: nobody else may have a private one');
      if (JSON.stringify(given).length > MAXIMUM_KEY || !isStrong(given))
        throw fieldError(field, `must be a public key: RSA of ${MINIMUM_RSA_BITS} bits or more, EC or Ed25519`);
      return given;
    }),
  };
}

function isStrong(jwk: JsonObject): boolean {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails } = createPublicKey({ key: jwk, format: 'jwk' });
    if (type === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= MINIMUM_RSA_BITS;
    return type === 'ec' || type === 'ed25519';
  } catch {
    return false;
  }
}

/** The keys of a set that an issuer publishes: those of kinds that are not known, or are private, count as absent. */
export function readKeySet(bytes: Uint8Array): KeySet {
  const set: unknown = parseJson(Buffer.from(bytes).toString('utf8'));
  const { keys } = checkObject(set, 'jwks');
  if (!Array.isArray(keys)) throw fieldError('jwks.keys', 'must be a list');
  const isUsable = (key: unknown): key is JsonObject =>
    typeof key === 'object' &&
    key !== null &&
    !privateParts.some((part) => Object.hasOwn(key, part)) &&
    isStrong(key as JsonObject);
  return { keys: keys.slice(0, MAXIMUM_KEYS).filter(isUsable) };
}
