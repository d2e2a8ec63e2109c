/**
 * What AWS does with a signed request, written from "Create a signed AWS API request" (IAM user guide): builds the canonical
 * request from what arrived, on its own, and compares signatures.
 */
import { createHash, createHmac } from 'node:crypto';

export interface ArrivedRequest {
  method: string;
  /** As on the wire. */
  path: string;
  /** Lower-case names, repeated ones joined with a comma; with `host`. */
  headers: Record<string, string>;
  body: Uint8Array;
}

export interface KnownKey {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Undefined when AWS would take it, else the reason. */
export function awsRefusal(request: ArrivedRequest, key: KnownKey, nowMs: number): string | undefined {
  const { headers } = request;
  const shape =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;
  const parts = shape.exec(headers.authorization ?? '');
  if (!parts) return 'IncompleteSignature';
  const [, accessKeyId, date = '', region = '', service = '', names = '', signature] = parts;
  if (accessKeyId !== key.accessKeyId) return 'InvalidAccessKeyId';

  const datetime = headers['x-amz-date'] ?? '';
  const at = Date.parse(datetime.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(at - nowMs) <= 15 * 60_000)) return 'RequestTimeTooSkewed';
  if (datetime.slice(0, 8) !== date) return 'the date of the scope';
  if ((headers['x-amz-security-token'] ?? '') !== (key.sessionToken ?? '')) return 'InvalidToken';

  const signed = names.split(';');
  if (signed.join() !== signed.toSorted().join()) return 'the order of SignedHeaders';
  const demanded = Object.keys(headers).filter((name) => name === 'host' || name.startsWith('x-amz-'));
  const missing = demanded.find((name) => !signed.includes(name));
  if (missing !== undefined) return `${missing} is not signed`;

  const payload = headers['x-amz-content-sha256'];
  if (service === 's3' && payload === undefined) return 'MissingContentLength';
  const hash = sha256(request.body);
  if (payload !== undefined && !payload.startsWith('STREAMING-UNSIGNED') && payload !== hash)
    return 'XAmzContentSHA256Mismatch';

  const [path = '', query = ''] = request.path.split(/\?(.*)/s);
  const canonical = [
    request.method,
    service === 's3' ? encode(decodeURIComponent(path.replaceAll('+', ' ')), '/') : encode(path, '/'),
    canonicalQuery(query),
    ...signed.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    names,
    payload ?? hash,
  ].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', datetime, scope, sha256(canonical)].join('\n');
  let signing: string | Buffer = `AWS4${key.secretAccessKey}`;
  for (const step of [date, region, service, 'aws4_request', text])
    signing = createHmac('sha256', signing).update(step).digest();
  return (signing as Buffer).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').map((piece) => {
    const [name = '', value = ''] = piece.split(/=(.*)/s);
    return [name, value].map((text) => encode(decodeURIComponent(text.replaceAll('+', ' '))));
  });
  return pairs
    .toSorted(([a, b], [c, d]) => (a === c ? (b! < d! ? -1 : 1) : a! < c! ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function encode(text: string, also = ''): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const char = String.fromCharCode(byte);
    const isPlain = /[A-Za-z0-9._~-]/.test(char) || char === also;
    encoded += isPlain ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
