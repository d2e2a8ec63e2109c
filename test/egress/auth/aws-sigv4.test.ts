import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../../runtime/egress/auth/authenticate.ts';
import { isCredentialParameter, isForeignName, wordsOf } from '../../../runtime/egress/auth/foreign-names.ts';
import { awsRefusal } from './aws-stand-in.ts';
import { callOf, connectorWith, handClock, headerOf, leaseOf, type MoreOfCall, sendNothing, startMs } from './call.ts';

const key = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const authenticatorAt = (nowMs: number) => createAuthenticator({ clock: handClock(nowMs), send: sendNothing });

async function signed(service: string, more: MoreOfCall, secret: Record<string, string> = key, nowMs = startMs) {
  const connector = connectorWith({ type: 'aws_sigv4', region: 'eu-west-1', service });
  const call = callOf(connector, leaseOf(secret), more);
  const result = await authenticatorAt(nowMs).authenticate(call);
  const headers: Record<string, string> = { host: result.url.host };
  for (const [name, value] of result.headers) {
    const lower = name.toLowerCase();
    headers[lower] = lower in headers ? `${headers[lower]},${value}` : value;
  }
  const { pathname, search } = result.url;
  const arrived = { method: call.method, path: `${pathname}${search}`, headers, body: call.body ?? new Uint8Array() };
  return { result, arrived };
}

describe('AWS Signature Version 4', () => {
  it.each([
    ['?lifecycle', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['?max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])("gives the signatures of the S3 reference's own examples (GET /%s)", async (query, signature) => {
    const connector = connectorWith({ type: 'aws_sigv4', region: 'us-east-1', service: 's3' });
    const lease = leaseOf({
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    });
    const url = new URL(query, 'https://examplebucket.s3.amazonaws.com/');
    const at = Date.parse('2013-05-24T00:00:00Z');
    const { headers } = await authenticatorAt(at).authenticate(callOf(connector, lease, { url }));
    expect(headerOf(headers, 'authorization')).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
    );
  });

  it.each([
    ['s3', 'https://bucket.s3.eu-west-1.amazonaws.com/'],
    ['s3', 'https://bucket.s3.eu-west-1.amazonaws.com/a%20b/%C3%A4(1)!*%27~.txt'],
    ['s3', 'https://bucket.s3.eu-west-1.amazonaws.com/a%2Bb:c@d,e=f&g$h'],
    ['s3', 'https://bucket.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=a+b%2F&delimiter=%2F&acl'],
    ['s3', 'https://storage.example.com:9000/bucket/key?versionId=a%3D%3D'],
    ['execute-api', 'https://x.execute-api.eu-west-1.amazonaws.com/prod/a%20b/%C3%A4:run?b=2&a=1&a=0&c=%7E'],
    ['bedrock', 'https://bedrock-runtime.eu-west-1.amazonaws.com/model/vendor.name-v1%3A0/invoke'],
  ])('is taken by %s for %s', async (service, url) => {
    for (const [method, body] of [
      ['GET', undefined],
      ['POST', Buffer.from('{"text":"ä"}')],
    ] as const) {
      const headers: [string, string][] = [
        ['Content-Type', 'application/json'],
        ['X-Amz-Meta-Note', '  two   words '],
        ['x-amz-meta-note', 'again'],
        ['user-agent', 'client'],
        ['range', 'bytes=0-1'],
      ];
      const { arrived } = await signed(service, { url: new URL(url), method, body, headers });
      expect(awsRefusal(arrived, key, startMs)).toBeUndefined();
    }
  });

  it('the stand-in sees any change on the way', async () => {
    const url = new URL('https://bucket.s3.eu-west-1.amazonaws.com/key?a=1');
    const { arrived } = await signed('s3', { url, method: 'PUT', body: Buffer.from('body') });
    const changes: [Partial<typeof arrived>, string][] = [
      [{ method: 'DELETE' }, 'SignatureDoesNotMatch'],
      [{ path: '/key2?a=1' }, 'SignatureDoesNotMatch'],
      [{ path: '/key?a=2' }, 'SignatureDoesNotMatch'],
      [{ body: Buffer.from('other') }, 'XAmzContentSHA256Mismatch'],
      [{ headers: { ...arrived.headers, host: 'other.example.com' } }, 'SignatureDoesNotMatch'],
      [{ headers: { ...arrived.headers, 'x-amz-acl': 'public-read' } }, 'x-amz-acl is not signed'],
    ];
    for (const [change, refusal] of changes) expect(awsRefusal({ ...arrived, ...change }, key, startMs)).toBe(refusal);
    expect(awsRefusal(arrived, key, startMs + 3_600_000)).toBe('RequestTimeTooSkewed');
  });

  it("replaces what the guest's client signed for itself", async () => {
    const headers: [string, string][] = [
      [
        'authorization',
        'AWS4-HMAC-SHA256 Credential=cordon/20200101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0',
      ],
      ['X-Amz-Date', '20200101T000000Z'],
      ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
      ['X-Amz-Security-Token', 'cordon'],
      ['amz-sdk-request', 'attempt=1; max=3'],
    ];
    const body = Buffer.from('body');
    const { result, arrived } = await signed('s3', { method: 'PUT', headers, body });
    expect(awsRefusal(arrived, key, startMs)).toBeUndefined();
    expect(headerOf(result.headers, 'x-amz-date')).toBe('20260301T120000Z');
    expect(headerOf(result.headers, 'x-amz-content-sha256')).toBe(createHash('sha256').update(body).digest('hex'));
    expect(headerOf(result.headers, 'x-amz-security-token')).toBeUndefined();
    expect(headerOf(result.headers, 'amz-sdk-request')).toBe('attempt=1; max=3');
  });

  it('signs the session token of temporary keys', async () => {
    const temporary = { ...key, sessionToken: 'session/token==' };
    const { result, arrived } = await signed('s3', {}, temporary);
    expect(awsRefusal(arrived, temporary, startMs)).toBeUndefined();
    expect(awsRefusal(arrived, key, startMs)).toBe('InvalidToken');
    expect(result.secrets).toEqual(expect.arrayContaining([key.secretAccessKey, 'session/token==']));
  });

  it('sends unsigned chunks with trailers as they are, for S3 alone; signed chunks are refused', async () => {
    const chunks = (hash: string): MoreOfCall => ({
      method: 'PUT',
      headers: [
        ['x-amz-content-sha256', hash],
        ['content-encoding', 'aws-chunked'],
        ['x-amz-decoded-content-length', '4'],
        ['x-amz-trailer', 'x-amz-checksum-crc32'],
      ],
      body: Buffer.from('4\r\nbody\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n'),
    });
    const { arrived } = await signed('s3', chunks('STREAMING-UNSIGNED-PAYLOAD-TRAILER'));
    expect(awsRefusal(arrived, key, startMs)).toBeUndefined();
    const refused = { reason: 'invalid_request' };
    await expect(signed('s3', chunks('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'))).rejects.toMatchObject(refused);
    await expect(signed('sqs', chunks('STREAMING-UNSIGNED-PAYLOAD-TRAILER'))).rejects.toMatchObject(refused);
  });

  it('refuses what S3 would read otherwise, or cannot be signed', async () => {
    const at = (path: string) => ({ url: new URL(path, 'https://bucket.s3.eu-west-1.amazonaws.com') });
    await expect(signed('s3', at('/a+b'))).rejects.toMatchObject({ reason: 'ambiguous' });
    await expect(signed('s3', at('/%FF%FE'))).rejects.toMatchObject({ reason: 'invalid_request' });
    await expect(signed('s3', at('/?X-Amz-Signature=00'))).rejects.toMatchObject({ reason: 'invalid_request' });
    const spoiled = { ...key, accessKeyId: 'AKID\n' };
    await expect(signed('s3', {}, spoiled)).rejects.toMatchObject({ reason: 'credential_missing' });
  });

  it('is taken for any key of S3 and any query (property)', async () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !/^\.{1,2}$/.test(text));
    // Names by which another credential could come are refused before anything is signed.
    const parameter = fc
      .stringMatching(/^[a-z-]{1,8}$/)
      .filter((text) => !isForeignName(wordsOf(text)) && !isCredentialParameter(text));
    const pair = fc.tuple(parameter, fc.string({ unit: 'grapheme', maxLength: 10 }));
    const query = fc.uniqueArray(pair, { maxLength: 4, selector: ([key]) => key });
    await fc.assert(
      fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 4 }), query, async (segments, pairs) => {
        const url = new URL('https://bucket.s3.eu-west-1.amazonaws.com/');
        url.pathname = segments.map(encodeURIComponent).join('/');
        url.search = pairs.map((pieces) => pieces.map(encodeURIComponent).join('=')).join('&');
        const { arrived } = await signed('s3', { url });
        expect(awsRefusal(arrived, key, startMs)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });
});
