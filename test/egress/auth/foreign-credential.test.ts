import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refuseForeignCredential, refuseForeignFields } from '../../../runtime/egress/auth/foreign-credential.ts';
import type { Json } from '../../../runtime/json.ts';
import { connectorWith, operationWith, plain, refusal } from './call.ts';

const bearer = connectorWith({ type: 'bearer' });
const base64 = (text: string) => Buffer.from(text).toString('base64');
describe("a guest's own credential", () => {
  const own: [string, string][] = [
    ['authorization', 'Bearer xoxb-own-token'],
    ['AUTHORIZATION', 'Bearer xoxb-own-token'],
    ['authorization', 'Bearer cordon, Bearer xoxb-own-token'],
    ['authorization', 'Bearer cordon2'],
    ['authorization', 'Bearer Cordon'],
    ['authorization', ''],
    ['authorization', `Basic ${base64('cordon:hunter2')}`],
    ['authorization', `Basic ${base64('me:cordon:hunter2')}`],
    ['authorization', `Basic ${base64('hunter2:')}`],
    ['authorization', 'AWS4-HMAC-SHA256 Credential=AKIAOWN/20260301/eu-west-1/s3/aws4_request, Signature=cordon/'],
    ['cookie', 'session=hunter2'],
    ['proxy-authorization', 'Bearer hunter2'],
    ['x-forwarded-authorization', 'Bearer hunter2'],
    ['x-api-key', 'hunter2'],
    ['Api-Key', 'hunter2'],
    ['x-goog-api-key', 'hunter2'],
    ['private-token', 'hunter2'],
    ['x-auth-token', 'hunter2'],
    ['x-vault-token', 'hunter2'],
    ['x-amz-security-token', 'hunter2'],
    ['ocp-apim-subscription-key', 'hunter2'],
  ];
  it.each(own)('in the header %s: %s is refused, and not repeated', (name, value) => {
    const error = refusal(() => refuseForeignCredential(bearer, [[name, value]], plain));
    expect(error.reason).toBe('invalid_request');
    expect(error.message).toContain(name.toLowerCase());
    if (value !== '') expect(error.message).not.toContain(value);
  });

  it('is refused beside a placeholder', () => {
    const headers: [string, string][] = [
      ['authorization', 'Bearer cordon'],
      ['Authorization', 'Bearer hunter2'],
    ];
    expect(refusal(() => refuseForeignCredential(bearer, headers, plain)).reason).toBe('invalid_request');
  });

  it('is refused in the header of the scheme, in any case', () => {
    const connector = connectorWith({ type: 'header', name: 'X-Service-Door' });
    const error = refusal(() => refuseForeignCredential(connector, [['x-service-door', 'own']], plain));
    expect(error.reason).toBe('invalid_request');
    expect(refuseForeignCredential(bearer, [['x-service-door', 'own']], plain).headers).toHaveLength(1);
  });

  it.each([
    '?access_token=own',
    '?ACCESS_TOKEN=own',
    '?a=1&%61ccess_token=own',
    '?access%5Ftoken=own',
    '?access_token[]=own',
    '?access_token',
    '?access_token=',
    '?+access_token=own',
    '?a=1;access_token=own',
    '?access_token=cordon;b=own',
    '?api_key=own&api_key=cordon',
    '?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAOWN%2F20260301&X-Amz-Signature=abc',
    '?AWSAccessKeyId=AKIAOWN&Signature=abc',
    '?client_secret=own',
    '?Subscription-Key=own',
  ])('in the query %s is refused', (query) => {
    const error = refusal(() => refuseForeignCredential(bearer, [], new URL(query, plain)));
    expect(error.reason).toBe('invalid_request');
    expect(error.message).not.toContain('own-');
  });

  it.each([
    '?appid=own',
    '?APPID=own',
    '?app%69d=own',
    '?appid[]=own',
    '?x=1;appid=cordon',
  ])('in the query parameter of the scheme (%s) is refused', (query) => {
    const connector = connectorWith({ type: 'query', name: 'appid' });
    const error = refusal(() => refuseForeignCredential(connector, [], new URL(query, plain)));
    expect(error.reason).toBe('invalid_request');
  });

  it('is refused in the places that a connector names besides', () => {
    const connector = connectorWith({ type: 'bearer' }, { foreignCredentialFields: ['token'] });
    const url = new URL('?token=xoxb-own', plain);
    // Also where an operation lists it.
    const operation = operationWith('token', 'query');
    expect(refusal(() => refuseForeignCredential(connector, [], url, { operation })).reason).toBe('invalid_request');
    expect(refuseForeignCredential(bearer, [], url, { operation }).url).toBe(url);

    const body = (found: Json[], unreadable?: string) => ({
      values: (name: string) =>
        name === 'token' ? { found, ...(unreadable === undefined ? {} : { unreadable }) } : { found: [] },
    });
    expect(refusal(() => refuseForeignFields(connector, body(['xoxb-own']))).message).toContain('token');
    expect(refusal(() => refuseForeignFields(connector, body([], 'a multipart body'))).message).toContain('multipart');
    refuseForeignFields(connector, body([]));
    refuseForeignFields(bearer, body(['xoxb-own']));
  });

  it('is refused however its header and value are spelled (property)', () => {
    const cases = fc.mixedCase(fc.constantFrom('authorization', 'cookie', 'x-api-key', 'x-auth-token'));
    const value = fc.string({ unit: 'grapheme-ascii', maxLength: 60 }).filter((text) => !/cordon/.test(text));
    fc.assert(
      fc.property(cases, value, (name, text) => {
        expect(refusal(() => refuseForeignCredential(bearer, [[name, text]], plain)).reason).toBe('invalid_request');
      }),
    );
  });
});

describe('the placeholder', () => {
  it.each([
    'cordon',
    'Bearer cordon',
    'bearer  cordon',
    ' Bearer cordon ',
    'token cordon',
    'SSWS cordon',
    `Basic ${base64('cordon:cordon')}`,
    `Basic ${base64('x:cordon')}`,
    `Basic ${base64('someone@example.com:cordon')}`,
    `basic ${base64('cordon:')}`,
    'AWS4-HMAC-SHA256 Credential=cordon/20260301/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=00',
  ])('%s is taken out, and nothing else', (value) => {
    const headers: [string, string][] = [
      ['Accept', '*/*'],
      ['authorization', value],
      ['x-request-id', 'cordon'],
    ];
    expect(refuseForeignCredential(bearer, headers, plain).headers).toEqual([
      ['Accept', '*/*'],
      ['x-request-id', 'cordon'],
    ]);
  });

  it('is taken out of the header and the query of the scheme', () => {
    const header = connectorWith({ type: 'header', name: 'X-Auth', prefix: 'Token token=' });
    for (const value of ['cordon', 'Token token=cordon'])
      expect(refuseForeignCredential(header, [['x-auth', value]], plain).headers).toEqual([]);

    const query = connectorWith({ type: 'query', name: 'appid' });
    const url = new URL('?q=a%20b&appid=cordon&x=%7E;~', plain);
    expect(refuseForeignCredential(query, [], url).url.href).toBe('https://api.example.com/v1/items?q=a%20b&x=%7E;~');
    expect(refuseForeignCredential(query, [], new URL('?appid=cordon', plain)).url.search).toBe('');
    expect(url.search).toContain('appid');
  });

  it('leaves a query without credentials as it was written', () => {
    for (const query of [
      '',
      '?',
      '?&&',
      '?a=+%20&b=%C3%A4&=x&a=2',
      '?tokens=3&pageToken=x&keys=y',
      '?q=access_token=1',
    ])
      expect(refuseForeignCredential(bearer, [], new URL(query, plain)).url.href).toBe(new URL(query, plain).href);
  });
});
