/** The stand-ins of services with keys, signatures or tokens of their own: what the real ones refuse is refused, and noted. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { call } from './stand-in-call.ts';
import { anthropicStandIn } from './stand-ins/anthropic.ts';
import { gitHubStandIn } from './stand-ins/github.ts';
import { graphStandIn } from './stand-ins/microsoft-365.ts';
import { pineconeStandIn } from './stand-ins/pinecone.ts';
import { s3StandIn } from './stand-ins/s3.ts';
import { assertionRefusal, withTokenEndpoint } from './stand-ins/token-endpoint.ts';

type Case = [number, string, Record<string, string>, unknown];

const json = { 'content-type': 'application/json' };
const bearer = { authorization: 'Bearer right' };

describe('anthropic', () => {
  const key = { 'x-api-key': 'right', 'anthropic-version': '2023-06-01' };
  const asked = { model: 'claude-haiku-4-5', max_tokens: 5, messages: [{ role: 'user', content: 'x' }] };

  test.each<Case>([
    [401, 'GET /v1/models', {}, ''],
    [401, 'GET /v1/models', { ...key, 'x-api-key': 'wrong' }, ''],
    [401, 'GET /v1/models', { ...bearer, 'anthropic-version': '2023-06-01' }, ''],
    [401, 'GET /v1/models', { ...key, ...bearer }, ''],
    [400, 'GET /v1/models', { 'x-api-key': 'right' }, ''],
    [404, 'GET /models', key, ''],
    [404, 'GET /v1/models/claude-0', key, ''],
    [400, 'POST /v1/messages', key, asked],
    [400, 'POST /v1/messages', { ...key, ...json }, { ...asked, max_tokens: undefined }],
    [400, 'POST /v1/messages', { ...key, ...json }, { ...asked, messages: [] }],
    [400, 'POST /v1/messages', { ...key, ...json }, { ...asked, messages: [{ role: 'system', content: 'x' }] }],
    [404, 'POST /v1/messages', { ...key, ...json }, { ...asked, model: 'claude-0' }],
    [400, 'POST /v1/messages/batches', { ...key, ...json }, { requests: [{ params: asked }] }],
    [200, 'POST /v1/messages', { ...key, ...json }, asked],
  ])('%d: %s', (status, line, headers, body) => {
    const anthropic = anthropicStandIn({ token: 'right' });
    expect(call(anthropic, line, headers, body).status).toBe(status);
    expect(anthropic.faults.length).toBe(status === 200 ? 0 : 1);
  });
});

describe('github', () => {
  const headers = { ...bearer, 'user-agent': 'x' };
  const content = Buffer.from('x').toString('base64');

  test.each<Case>([
    [403, 'GET /user', bearer, ''],
    [401, 'GET /user', { 'user-agent': 'x' }, ''],
    [401, 'GET /user', { ...headers, authorization: 'Bearer wrong' }, ''],
    [401, 'GET /user', { ...headers, authorization: 'right' }, ''],
    [415, 'GET /user', { ...headers, accept: 'text/html' }, ''],
    [404, 'GET /repos/a/other', headers, ''],
    [404, 'GET /repos/a/b/contents/none', headers, ''],
    [422, 'GET /repos/a/b/issues?per_page=1000', headers, ''],
    [422, 'POST /repos/a/b/issues', { ...headers, ...json }, { body: 'x' }],
    [400, 'POST /repos/a/b/issues', headers, '{"title":'],
    [422, 'PUT /repos/a/b/contents/x', { ...headers, ...json }, { content }],
    [422, 'PUT /repos/a/b/contents/x', { ...headers, ...json }, { message: 'm', content: 'no base 64' }],
    [201, 'PUT /repos/a/b/contents/x', { ...headers, ...json }, { message: 'm', content }],
  ])('%d: %s', (status, line, given, body) => {
    const github = gitHubStandIn({ token: 'right', repository: 'a/b' });
    expect(call(github, line, given, body).status).toBe(status);
    expect(github.faults.length).toBe(status === 201 ? 0 : 1);
  });

  test('what is there already is replaced only by who has seen it', () => {
    const github = gitHubStandIn({ token: 'right', repository: 'a/b' });
    const put = (more = {}) =>
      call(github, 'PUT /repos/a/b/contents/x', { ...headers, ...json }, { message: 'm', content, ...more });
    const { body } = put();
    expect(put().status).toBe(409);
    expect(put({ sha: body.content.sha }).status).toBe(200);
  });
});

describe('microsoft-365', () => {
  const graph = () => graphStandIn({ token: 'right', user: 'a@x.com', mails: [], lists: ['L'] });
  const message = { toRecipients: [{ emailAddress: { address: 'b@x.com' } }] };
  const channel = '/v1.0/teams/33333333-3333-3333-3333-333333333333/channels';

  test.each<Case>([
    [401, 'GET /v1.0/users/a@x.com', {}, ''],
    [401, 'GET /v1.0/users/a@x.com', { authorization: 'Bearer wrong' }, ''],
    [400, 'GET /beta/users/a@x.com', bearer, ''],
    [404, 'GET /v1.0/users/c@x.com', bearer, ''],
    [400, 'GET /v1.0/users/a@x.com/messages?$top=5000', bearer, ''],
    [400, 'POST /v1.0/users/a@x.com/sendMail', { ...bearer, ...json }, { message: {} }],
    [400, 'POST /v1.0/users/a@x.com/sendMail', bearer, { message }],
    [400, 'PUT /v1.0/sites/root/drive/root:/a.txt', bearer, 'x'],
    [404, 'GET /v1.0/sites/root/drive/root:/a.txt:/content', bearer, ''],
    [404, 'POST /v1.0/sites/root/lists/M/items', { ...bearer, ...json }, { fields: {} }],
    [400, 'POST /v1.0/sites/root/lists/L/items', { ...bearer, ...json }, { Title: 'x' }],
    [400, `POST ${channel}/general/messages`, { ...bearer, ...json }, { body: { content: 'x' } }],
    [400, `POST ${channel}/19:a@thread.tacv2/messages`, { ...bearer, ...json }, { content: 'x' }],
    [202, 'POST /v1.0/users/a@x.com/sendMail', { ...bearer, ...json }, { message }],
  ])('%d: %s', (status, line, headers, body) => {
    const one = graph();
    expect(call(one, line, headers, body).status).toBe(status);
    expect(one.faults.length).toBe(status === 202 ? 0 : 1);
  });
});

describe('pinecone', () => {
  const key = { 'api-key': 'right', 'x-pinecone-api-version': '2025-10' };
  const atIndex = { ...key, ...json, host: 'docs.svc.pinecone.io' };

  test.each<Case>([
    [401, 'GET /indexes', { 'x-pinecone-api-version': '2025-10' }, ''],
    [401, 'GET /indexes', { ...key, 'api-key': 'wrong' }, ''],
    [400, 'GET /indexes', { 'api-key': 'right' }, ''],
    [404, 'GET /indexes/other', key, ''],
    [404, 'POST /query', { ...key, ...json }, { vector: [1, 2], topK: 1 }],
    [404, 'GET /indexes', atIndex, ''],
    [400, 'POST /query', atIndex, { vector: [1], topK: 1 }],
    [400, 'POST /query', atIndex, { vector: [1, 2] }],
    [400, 'POST /query', { ...key, host: atIndex.host }, { vector: [1, 2], topK: 1 }],
    [400, 'POST /vectors/upsert', atIndex, { vectors: [{ values: [1, 2] }] }],
    [400, 'GET /vectors/fetch', atIndex, ''],
    [200, 'POST /query', atIndex, { vector: [1, 2], topK: 1 }],
  ])('%d: %s', (status, line, headers, body) => {
    const pinecone = pineconeStandIn({ token: 'right', index: 'docs', host: atIndex.host, dimension: 2 });
    expect(call(pinecone, line, headers, body).status).toBe(status);
    expect(pinecone.faults.length).toBe(status === 200 ? 0 : 1);
  });
});

describe('s3', () => {
  const host = 'b.s3.eu-central-1.amazonaws.com';

  test('takes no request without a signature, or with that of another key', () => {
    const s3 = s3StandIn({ key: { accessKeyId: 'AKIARIGHT', secretAccessKey: 'right' }, host });
    const signed = (id: string) =>
      `AWS4-HMAC-SHA256 Credential=${id}/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=${createHmac('sha256', 'wrong').digest('hex')}`;
    expect(call(s3, 'GET /a.txt', { host }).status).toBe(403);
    expect(call(s3, 'GET /a.txt', { host, authorization: signed('AKIAWRONG') }).body).toContain('InvalidAccessKeyId');
    expect(call(s3, 'GET /a.txt', { host, authorization: signed('AKIARIGHT') }).body).toContain(
      'SignatureDoesNotMatch',
    );
    expect(s3.faults.length).toBe(3);
  });
});

describe('a token endpoint', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const wanted = { publicKey, issuer: 'i', audience: 'https://t.example/', subject: 's', lifetime: 180 };
  const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const claims = () => {
    const iat = Math.floor(Date.now() / 1000);
    return { iss: 'i', aud: 'https://t.example/', sub: 's', iat, exp: iat + 150 };
  };
  const form = (said: object, key = privateKey, alg = 'RS256') => {
    const text = [{ alg }, said].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const assertion = `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
    return new URLSearchParams({ grant_type: grant, assertion });
  };

  test.each<[string, URLSearchParams]>([
    ['unsupported_grant_type', new URLSearchParams({ grant_type: 'password' })],
    ['alg', form(claims(), privateKey, 'none')],
    ['signature', form(claims(), other)],
    ['iss, aud or sub', form({ ...claims(), aud: 'https://other.example/' })],
    ['scope', form({ ...claims(), scope: 'all' })],
    ['exp or iat', form({ ...claims(), exp: claims().iat + 3600 })],
  ])('refuses an assertion: %s', (why, sent) => {
    expect(assertionRefusal(sent, wanted)).toBe(why);
  });

  test('gives its token for the right one, and answers on its own host alone', () => {
    const service = withTokenEndpoint(gitHubStandIn({ token: 'right', repository: 'a/b' }), {
      ...{ host: 't.example', path: '/token', token: 'right' },
      refusal: (given) => assertionRefusal(given, wanted),
    });
    const ask = (host: string, type: string) =>
      call(service, 'POST /token', { host, 'content-type': type }, form(claims()).toString());
    const type = 'application/x-www-form-urlencoded';
    expect(ask('t.example', type).body.access_token).toBe('right');
    expect(ask('t.example', 'application/json').status).toBe(400);
    expect(ask('api.github.com', type).status).toBe(403);
    expect(service.faults.length).toBe(2);
  });
});
