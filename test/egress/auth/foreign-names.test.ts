/** Names by which a service would take another credential, or act for somebody else, than the grant says. */
import { describe, expect, it } from 'vitest';
import type { Operation } from '../../../runtime/connector/connector.ts';
import { refuseForeignCredential } from '../../../runtime/egress/auth/foreign-credential.ts';
import { EgressError } from '../../../runtime/egress/egress.ts';
import { operation } from '../../connector/operation.ts';
import { connectorWith, operationWith, plain, refusal } from './call.ts';

const bearer = connectorWith({ type: 'bearer' });
/** Of services as they are: Kubernetes, GitLab, Stripe, Dropbox, Zendesk, Dynamics, PayPal, Salesforce, and proxies before others. */
const foreignHeaders = [
  ...['Impersonate-User', 'Impersonate-Group', 'Impersonate-Extra-Scopes', 'Sudo', 'X-Sudo', 'Stripe-Account'],
  ...['Stripe-Context', 'Dropbox-API-Select-User', 'Dropbox-API-Select-Admin', 'X-On-Behalf-Of', 'On-Behalf-Of'],
  ...['X-Act-As', 'X-Run-As', 'X-RunAs', 'X-Assume-Role', 'X-Delegated-User', 'X-Delegate', 'MSCRMCallerID'],
  ...['CallerObjectId', 'PayPal-Auth-Assertion', 'X-SFDC-Session', 'X-DocuSign-Act-On-Behalf', 'X-Goog-AuthUser'],
  ...['X-Remote-User', 'X_Remote_User', 'X-Remote-Group', 'X-WebAuth-User', 'X-Auth-Request-Email', 'X-Client-Cert'],
  ...['X-MS-Client-Principal-Id', 'X-Authenticated-Userid', 'X-Consumer-Username', 'Token', 'X-Token', 'CircleToken'],
  ...['Circle-Token', 'X-Figma-Token', 'DD-Application-Key', 'Fastly-Key', 'X-Auth', 'X-Key', 'X-Amz-Mfa', 'X-Otp'],
  ...['X-Credentials', 'X-Signature', 'X-Account', 'X-Subject', 'X-Api_Key', 'Job-Token', 'X-Auth.Token'],
];
const foreignQueries = [
  ...['private_token', 'token', 'Token', 'auth', 'hapikey', 'key', 'sudo', 'signature', 'sig', 'userToken', 'APIKey'],
  ...[
    'api.key',
    'token[]',
    'tok%65n',
    '+token',
    'on_behalf_of',
    'onBehalfOf',
    'impersonate',
    'impersonateUser',
    'account',
  ],
  ...[
    'actAs',
    'assume_user',
    'delegated-admin',
    'select_user',
    'user',
    'session',
    'jwt',
    'client_assertion',
    'authuser',
  ],
];
/** What official clients send, and pages of lists. */
const harmlessHeaders = [
  ...['accept', 'user-agent', 'x-user-agent', 'x-amz-user-agent', 'if-match', 'if-none-match', 'range', 'prefer'],
  ...['idempotency-key', 'x-idempotency-key', 'openai-organization', 'openai-project', 'openai-beta', 'notion-version'],
  ...[
    'x-stainless-lang',
    'x-stainless-retry-count',
    'x-stainless-runtime-version',
    'anthropic-version',
    'anthropic-beta',
  ],
  ...['anthropic-user-profile-id', 'anthropic-dangerous-direct-browser-access', 'x-github-api-version', 'x-request-id'],
  ...['x-goog-api-client', 'x-goog-request-params', 'x-goog-user-project', 'x-goog-fieldmask', 'x-upload-content-type'],
  ...['x-pinecone-api-version', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-checksum-crc32', 'x-amz-meta-user'],
  ...['x-amz-server-side-encryption-customer-key', 'x-amz-server-side-encryption-customer-key-md5', 'amz-sdk-request'],
  ...['amz-sdk-invocation-id', 'x-amz-server-side-encryption-bucket-key-enabled', 'x-amz-bucket-region'],
  ...['sforce-call-options', 'sforce-query-options', 'sforce-duplicate-rule-header', 'client-request-id', 'sdkversion'],
  ...['consistencylevel', 'x-okta-user-agent-extended', 'x-snowflake-authorization-token-type', 'x-atlassian-token'],
  ...['traceparent', 'tracestate', 'mcp-session-id', 'mcp-protocol-version', 'last-event-id', 'sec-fetch-user'],
  ...['x-ms-continuation-token', 'x-ms-version', 'content-type', 'ocp-apim-subscription-region', 'x-slack-no-retry'],
];
const harmlessQueries = [
  ...['pageToken', 'page_token', 'nextPageToken', 'next_token', 'syncToken', 'continuation-token', 'continuationToken'],
  ...[
    'paginationToken',
    'startPageToken',
    '$skiptoken',
    '$skipToken',
    '$deltatoken',
    'quotaUser',
    'max-keys',
    'key-marker',
  ],
  ...['accountId', 'userId', 'projectKeyOrId', 'keys', 'users', 'assignee', 'sort_key', 'design', 'monkey', 'order-by'],
  ...['author', 'api-version', 'select', '$select', 'fields', 'role', 'runtime', 'actor', 'x-id', 'delegates_only'],
];

describe('a name by which a service would act for another', () => {
  it.each(foreignHeaders)('the header %s is refused, unless the operation lists it', (name) => {
    const error = refusal(() => refuseForeignCredential(bearer, [[name, 'admin-7']], plain));
    expect(error.reason).toBe('invalid_request');
    expect(error.message).toContain(name.toLowerCase());
    expect(error.message).not.toContain('admin-7');
    const elsewhere = operationWith(name, 'query');
    expect(() => refuseForeignCredential(bearer, [[name, 'a']], plain, { operation: elsewhere })).toThrow(EgressError);
  });

  it('passes where the operation lists the header', () => {
    for (const name of ['Stripe-Account', 'Sudo', 'X-Figma-Token'])
      expect(
        refuseForeignCredential(bearer, [[name.toLowerCase(), 'a']], plain, {
          operation: operationWith(name, 'header'),
        }).headers,
      ).toEqual([[name.toLowerCase(), 'a']]);
    for (const name of ['authorization', 'cookie', 'x-api-key'])
      expect(() =>
        refuseForeignCredential(bearer, [[name, 'a']], plain, { operation: operationWith(name, 'header') }),
      ).toThrow(EgressError);
  });

  it.each(foreignQueries)('the query parameter %s is refused, unless the operation lists it', (name) => {
    const url = new URL(`?a=1&${name}=admin-7`, plain);
    const error = refusal(() => refuseForeignCredential(bearer, [], url));
    expect(error.reason).toBe('invalid_request');
    expect(error.message).not.toContain('admin-7');
    expect(() => refuseForeignCredential(bearer, [], new URL(`?a=1;${name}=x`, plain))).toThrow(EgressError);
  });

  it('passes where the operation lists the query parameter, or cannot be without', () => {
    const url = new URL('?user=U1&b=2', plain);
    for (const listing of [
      operationWith('user', 'query'),
      operation('GET', '/v1/items', 'items', { parameters: [{ name: 'who', in: 'query', aliases: ['user'] }] }),
      operation('GET', '/v1/items?user', 'items'),
    ])
      expect(refuseForeignCredential(bearer, [], url, { operation: listing }).url).toBe(url);
    expect(() => refuseForeignCredential(bearer, [], url, { operation: operationWith('user', 'body') })).toThrow(
      EgressError,
    );
  });

  it.each(harmlessHeaders)('the header %s passes', (name) => {
    expect(refuseForeignCredential(bearer, [[name, 'x']], plain).headers).toEqual([[name, 'x']]);
  });

  it.each(harmlessQueries)('the query parameter %s passes', (name) => {
    const url = new URL(`?${name}=x`, plain);
    expect(refuseForeignCredential(bearer, [], url).url).toBe(url);
  });

  it('a header of MCP repeats what the body says', () => {
    const call = operation('POST', '/mcp', 'tool', { rpc: { method: 'tools/call', tool: 'x' } });
    const headers: [string, string][] = [['mcp-param-user', 'me']];
    expect(refuseForeignCredential(bearer, headers, plain, { operation: call }).headers).toEqual(headers);
    expect(() => refuseForeignCredential(bearer, headers, plain)).toThrow(EgressError);
  });
});

describe('a form', () => {
  const form: [string, string][] = [['content-type', 'application/x-www-form-urlencoded; charset=utf-8']];
  const pass = (text: string, headers = form, listing?: Operation) =>
    refuseForeignCredential(bearer, headers, plain, {
      body: Buffer.from(text),
      ...(listing ? { operation: listing } : {}),
    });

  it.each([
    'access_token=hunter2',
    'a=1&access_token=hunter2',
    'a=1;access_token=hunter2',
    '%61ccess_token=hunter2&b=1',
    'Access_Token=hunter2',
    'access_token[]=hunter2',
    'access_token',
    'access_token=cordon&access_token=hunter2',
    'oauth_token=hunter2',
    'client_secret=hunter2',
  ])('%s is refused', (text) => {
    const error = refusal(() => pass(text));
    expect(error.reason).toBe('invalid_request');
    expect(error.message).not.toContain('hunter2');
    expect(() => pass(text, [...form, ['content-encoding', 'gzip']])).toThrow(EgressError);
  });

  it('passes without a credential, with the placeholder, as content, and where the operation lists the field', () => {
    pass('text=access_token=1&token=x&user=U1');
    pass('access_token=cordon&a=1');
    pass('{"access_token":"x"}', [['content-type', 'application/json']]);
    pass('access_token=x', form, operationWith('access_token', 'body'));
    pass('access_token=x', form, operationWith('x', 'body', { rawBody: true }));
    pass('');
  });

  it('of any size takes little time', () => {
    const large = 32 * 1024 * 1024;
    const before = performance.now();
    expect(() => pass('&'.repeat(large))).toThrow('fields');
    pass(`text=${'%61'.repeat(large / 3)}`);
    pass('%61'.repeat(large / 3));
    expect(performance.now() - before).toBeLessThan(10_000);
  });
});
