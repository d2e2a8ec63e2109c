/** The signed statement that is exchanged for an access token: RFC 7523, section 3; RFC 7515. */
import { createPrivateKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import type { AuthScheme } from '../../connector/connector.ts';
import type { SecretFields } from './secret-field.ts';

type JwtAssertion = Extract<AuthScheme, { type: 'jwt_assertion' }>;

/** Salesforce takes at most three minutes, Google an hour; the exchange follows at once. */
const LIFETIME_S = 150;

/** Errors: EgressError `credential_missing` when the private key does not fit the algorithm. */
export function signAssertion(auth: JwtAssertion, fields: SecretFields, nowMs: number): string {
  const issuedAt = Math.floor(nowMs / 1000);
  const [keyId, subject] = [fields.readOptional('keyId'), fields.readOptional('subject')];
  const header = { alg: auth.algorithm, typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) };
  const claims = {
    iss: fields.read('issuer'),
    // RFC 7523 demands it of most services; an account of Google's that speaks for itself goes without.
    ...(subject === undefined ? {} : { sub: subject }),
    aud: auth.audience ?? auth.tokenUrl,
    // A parameter of the exchange by RFC 7521; Google reads it here.
    ...(auth.scope === undefined ? {} : { scope: auth.scope }),
    iat: issuedAt,
    exp: issuedAt + LIFETIME_S,
    jti: randomUUID(),
  };
  const text = `${encoded(header)}.${encoded(claims)}`;
  const key = readKey(auth, fields);
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

/** RFC 7518, sections 3.3 (RSA of 2048 bits or more) and 3.4 (P-256). */
function readKey(auth: JwtAssertion, fields: SecretFields): KeyObject {
  const pem = fields.read('privateKey');
  const key = parseKey(pem);
  if (!key) throw fields.unusable('privateKey', 'is no private key in PEM form');
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const fits =
    auth.algorithm === 'RS256'
      ? key.asymmetricKeyType === 'rsa' && modulusLength >= 2048
      : key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1';
  if (fits) return key;
  const needed = auth.algorithm === 'RS256' ? 'an RSA key of at least 2048 bits' : 'an EC key on the curve P-256';
  throw fields.unusable('privateKey', `does not fit ${auth.algorithm}, which needs ${needed}`);
}

/** The parser's own error is dropped: it may tell of the key. */
function parseKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
