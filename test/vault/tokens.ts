/** JSON Web Tokens made by hand (RFC 7515, RFC 7518), so that wrong ones can be made as well. */
import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface Signer {
  privateKey: KeyObject;
  publicKey: KeyObject;
  jwk: Record<string, string>;
}

export function newSigner(kind: 'rsa' | 'ec' | 'ed25519' | 'small rsa', kid?: string): Signer {
  const pair =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: kind === 'rsa' ? 2048 : 1024 });
  const jwk = pair.publicKey.export({ format: 'jwk' }) as Record<string, string>;
  return { ...pair, jwk: kid === undefined ? jwk : { ...jwk, kid } };
}

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A signature by the algorithm, or an HMAC under `key` when it is text. */
export function signature(algorithm: string, text: string, key: KeyObject | string): Buffer {
  const data = Buffer.from(text);
  if (typeof key === 'string') return createHmac('sha256', key).update(data).digest();
  if (algorithm === 'EdDSA') return sign(null, data, key);
  const hash = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith('ES')) return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' });
  if (algorithm.startsWith('PS'))
    return sign(hash, data, {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    });
  return sign(hash, data, key);
}

export function token(
  header: Record<string, unknown>,
  payload: Record<string, unknown> | string,
  key: KeyObject | string | undefined,
): string {
  const text = `${part(header)}.${part(payload)}`;
  return `${text}.${key === undefined ? '' : signature(String(header.alg), text, key).toString('base64url')}`;
}
