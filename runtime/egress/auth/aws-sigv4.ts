/** AWS Signature Version 4 in the Authorization header. aws4 makes the canonical text; the keys are made here. */
import { createHash, createHmac } from 'node:crypto';
import aws4, { type RequestSigner } from 'aws4';
import type { AuthScheme } from '../../connector/connector.ts';
import { EgressError } from '../egress.ts';
import type { Signed } from './fixed-schemes.ts';
import type { SecretFields } from './secret-field.ts';

type SigV4 = Extract<AuthScheme, { type: 'aws_sigv4' }>;

/** A body whose chunks are not signed, with checksums behind it: what clients send for streams over TLS. */
const UNSIGNED_CHUNKS = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/** Set anew, whatever the guest's client wrote: they are part of the signature that it could not make. */
const ours = new Set(['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256']);

/**
 * `request` holds no credential. Errors: EgressError `invalid_request` for what cannot be signed with one meaning,
 * `credential_missing` when the secret cannot travel.
 */
export function withSigV4(
  auth: SigV4,
  request: { method: string; url: URL; headers: [string, string][]; body?: Uint8Array | undefined },
  fields: SecretFields,
  nowMs: number,
): Signed {
  const { method, url } = request;
  const accessKeyId = fields.readForHeader('accessKeyId');
  const secretAccessKey = fields.read('secretAccessKey');
  const sessionToken = fields.readOptional('sessionToken') && fields.readForHeader('sessionToken');
  const datetime = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');

  const headers: [string, string][] = [
    ...request.headers.filter(([name]) => !ours.has(name.toLowerCase())),
    ['x-amz-date', datetime],
    ['x-amz-content-sha256', payloadHash(auth, request)],
  ];
  if (sessionToken) headers.push(['x-amz-security-token', sessionToken]);

  if (auth.service === 's3' && url.pathname.includes('+'))
    throw new EgressError('ambiguous', 'S3 reads + in a path as a space, others as a plus: write %2B or %20');
  const signer = new aws4.RequestSigner(
    {
      method,
      path: `${url.pathname}${url.search}`,
      service: auth.service,
      region: auth.region,
      headers: signedHeaders(url, headers),
      doNotModifyHeaders: true,
    },
    // The library keeps the secrets that it sees for the life of the process: it sees none.
    { accessKeyId, secretAccessKey: '' },
  );
  signer.datetime = datetime;
  const signature = hmac(signingKey(secretAccessKey, datetime.slice(0, 8), auth), textToSign(signer)).toString('hex');
  const scope = `${accessKeyId}/${signer.credentialString()}`;
  headers.push([
    'authorization',
    `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${signer.signedHeaders()}, Signature=${signature}`,
  ]);
  return { headers, url, secrets: [secretAccessKey, accessKeyId, ...(sessionToken ? [sessionToken] : [])] };
}

/** Host, content-type, content-md5 and x-amz-*: what AWS demands. The rest may be changed on the way and stays unsigned. */
function signedHeaders(url: URL, headers: [string, string][]): Record<string, string> {
  const signed: Record<string, string> = { host: url.host };
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (!/^(?:x-amz-.+|content-type|content-md5)$/.test(lower)) continue;
    signed[lower] = lower in signed ? `${signed[lower]},${value}` : value;
  }
  return signed;
}

function payloadHash(
  auth: SigV4,
  { headers, body }: { headers: [string, string][]; body?: Uint8Array | undefined },
): string {
  const asked = headers.find(([name]) => name.toLowerCase() === 'x-amz-content-sha256')?.[1].trim();
  if (!asked?.startsWith('STREAMING-'))
    return createHash('sha256')
      .update(body ?? '')
      .digest('hex');
  if (auth.service === 's3' && asked === UNSIGNED_CHUNKS) return UNSIGNED_CHUNKS;
  throw new EgressError(
    'invalid_request',
    `a body in signed chunks (${asked.slice(0, 60)}) holds signatures of the guest's own: send it whole, or as ${UNSIGNED_CHUNKS}`,
  );
}

function textToSign(signer: RequestSigner): string {
  try {
    return signer.stringToSign();
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new EgressError('invalid_request', 'the URL holds percent-encoding that is no UTF-8: it cannot be signed');
  }
}

function signingKey(secretAccessKey: string, date: string, { region, service }: SigV4): Buffer {
  return [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${secretAccessKey}`, date));
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text, 'utf8').digest();
