/** What a constraint would see of requests as clients of the services make them: the names and places in the data are right. */
import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../runtime/connector/catalog.ts';
import { checkOperations } from '../../runtime/connector/check-operations.ts';
import { createMatcher } from '../../runtime/connector/operation-matcher.ts';
import { readParameters } from '../../runtime/permission/parameters.ts';

const catalog = readCatalog();

interface Sent {
  service: string;
  line: string;
  type?: string;
  body?: unknown;
}

interface Seen {
  operation: string;
  found?: unknown[];
  isUnreadable?: true;
}

const form = 'application/x-www-form-urlencoded';
const json = 'application/json';

/** The operation's name, and what is found for the parameter. */
function seen({ service, line, type, body }: Sent, parameter: string): Seen {
  const [method = '', target = ''] = line.split(' ');
  const [pathname = '', search] = target.split('?');
  const url = new URL(`https://${catalog.entry(service)!.hosts?.[0] ?? 'host.example'}${target}`);
  const match = createMatcher(checkOperations(catalog.entry(service)!.operations)).match(
    method,
    pathname,
    search === undefined ? '' : `?${search}`,
  );
  if (match.kind !== 'operation') return { operation: match.kind };
  const bytes = body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const headers: [string, string][] = type === undefined ? [] : [['content-type', type]];
  const { found, unreadable } = readParameters(match.operation, url, match.pathParameters, headers, bytes).values(
    parameter,
  );
  return { operation: match.operation.name, found, ...(unreadable === undefined ? {} : { isUnreadable: true }) };
}

describe('the value of a parameter', () => {
  test.each<[Sent, string, string, unknown[]]>([
    [
      { service: 'slack', line: 'POST /api/chat.postMessage', type: form, body: 'channel=C1&text=x' },
      'channel',
      'chat.postMessage',
      ['C1'],
    ],
    [
      { service: 'slack', line: 'POST /api/chat.postMessage', type: `${json}; charset=utf-8`, body: { channel: 'C1' } },
      'channel',
      'chat.postMessage',
      ['C1'],
    ],
    [
      { service: 'slack', line: 'GET /api/conversations.history?channel=C1' },
      'channel',
      'conversations.history',
      ['C1'],
    ],
    [
      { service: 'slack', line: 'POST /api/conversations.history', type: form, body: 'channel=C1' },
      'channel',
      'conversations.history',
      ['C1'],
    ],
    [
      { service: 'slack', line: 'POST /api/conversations.history?channel=C2', type: form, body: 'channel=C1' },
      'channel',
      'conversations.history',
      ['C2', 'C1'],
    ],
    [{ service: 'google-drive', line: 'GET /drive/v3/files/1AbC?alt=media' }, 'fileId', 'files.getContent', ['1AbC']],
    [
      {
        service: 'google-drive',
        line: 'POST /drive/v3/files/1AbC/permissions',
        type: json,
        body: { type: 'anyone', role: 'reader' },
      },
      'type',
      'permissions.create',
      ['anyone'],
    ],
    [
      { service: 'salesforce', line: 'DELETE /services/data/v67.0/sobjects/Account/001' },
      'sobject',
      'records.delete',
      ['Account'],
    ],
    [
      { service: 'salesforce', line: 'GET /services/data/v67.0/query?q=SELECT+Id+FROM+Account' },
      'q',
      'query',
      ['SELECT Id FROM Account'],
    ],
    [
      {
        service: 'salesforce',
        line: 'POST /services/data/v67.0/jobs/ingest',
        type: json,
        body: { object: 'Lead', operation: 'hardDelete' },
      },
      'operation',
      'jobs.ingest.create',
      ['hardDelete'],
    ],
    [
      { service: 'openai', line: 'POST /v1/chat/completions', type: json, body: { model: 'gpt-5', messages: [] } },
      'model',
      'chat.completions.create',
      ['gpt-5'],
    ],
    [
      {
        service: 'notion',
        line: 'POST /v1/pages',
        type: json,
        body: { parent: { data_source_id: 'd1' }, properties: {} },
      },
      'parent.data_source_id',
      'pages.create',
      ['d1'],
    ],
    [
      {
        service: 'atlassian',
        line: 'POST /rest/api/3/issue',
        type: json,
        body: { fields: { project: { key: 'SUP' } } },
      },
      'fields.project.key',
      'jira.issues.create',
      ['SUP'],
    ],
    [
      { service: 'atlassian', line: 'GET /rest/api/3/issue/SUP-1?fields=summary' },
      'issueIdOrKey',
      'jira.issues.get',
      ['SUP-1'],
    ],
    [
      { service: 'snowflake', line: 'POST /api/v2/statements', type: json, body: { statement: 'select 1', role: 'R' } },
      'role',
      'statements.submit',
      ['R'],
    ],
    [
      {
        service: 'microsoft-365',
        line: 'POST /v1.0/users/a%40contoso.com/sendMail',
        type: json,
        body: { message: {} },
      },
      'userId',
      'users.sendMail',
      ['a@contoso.com'],
    ],
    [
      { service: 'microsoft-365', line: 'PUT /v1.0/me/drive/root:/docs/a.txt:/content', type: 'text/plain', body: 'x' },
      'path',
      'me.drive.byPath.put',
      ['docs/a.txt'],
    ],
    [
      { service: 'gong', line: 'POST /v2/calls/transcript', type: json, body: { filter: { workspaceId: '1' } } },
      'filter.workspaceId',
      'calls.transcript',
      ['1'],
    ],
    [
      { service: 'pinecone', line: 'POST /vectors/delete', type: json, body: { deleteAll: true, namespace: 'n' } },
      'deleteAll',
      'vectors.delete',
      [true],
    ],
    [
      {
        service: 'azure-ai-vision',
        line: 'POST /computervision/imageanalysis:analyze?features=read&api-version=2024-02-01',
        type: json,
        body: { url: 'https://x.example/' },
      },
      'url',
      'imageAnalysis.analyze',
      ['https://x.example/'],
    ],
    [
      { service: 'anthropic', line: 'POST /v1/messages', type: json, body: { model: 'm', max_tokens: 5 } },
      'max_tokens',
      'messages.create',
      [5],
    ],
    [
      { service: 'github', line: 'PUT /repos/o/r/contents/docs%2Fa.md', type: json, body: { branch: 'main' } },
      'path',
      'repos.createOrUpdateFileContents',
      ['docs/a.md'],
    ],
    [
      { service: 's3', line: 'PUT /reports/2026/a.csv?x-id=PutObject', type: 'text/csv', body: 'a' },
      'Key',
      'PutObject',
      ['reports/2026/a.csv'],
    ],
    [
      {
        service: 'slack',
        line: 'POST /api/files.completeUploadExternal',
        type: form,
        body: 'files=[]&channel_id=C1&channels=C2,C3',
      },
      'channel_id',
      'files.completeUploadExternal',
      ['C1', 'C2,C3'],
    ],
    [
      {
        service: 'notion',
        line: 'POST /v1/pages',
        type: json,
        body: { parent: { page_id: 'p1', data_source_id: 'd1' } },
      },
      'parent.page_id',
      'pages.create',
      ['p1', 'd1'],
    ],
    [{ service: 'okta', line: 'PUT /api/v1/groups/g1/users/u1' }, 'groupId', 'groups.users.add', ['g1']],
  ])('%o: %s', (sent, parameter, operation, found) => {
    expect(seen(sent, parameter)).toEqual({ operation, found: expect.arrayContaining(found) });
    expect(seen(sent, parameter).found?.length).toBe(found.length);
  });
});

describe('a parameter that cannot be seen is not taken for absent or right', () => {
  test.each<[Sent, string, string]>([
    [
      {
        service: 'openai',
        line: 'POST /v1/audio/transcriptions',
        type: 'multipart/form-data; boundary=x',
        body: '--x--',
      },
      'model',
      'audio.transcriptions.create',
    ],
    [
      {
        service: 'google-drive',
        line: 'POST /upload/drive/v3/files?uploadType=multipart',
        type: 'multipart/related; boundary=x',
        body: '--x--',
      },
      'parents',
      'files.create.upload',
    ],
    [
      { service: 'slack', line: 'POST /api/chat.postMessage', type: 'multipart/form-data; boundary=x', body: '--x--' },
      'channel',
      'chat.postMessage',
    ],
    [{ service: 's3', line: 'POST /?delete=', type: 'application/xml', body: '<Delete/>' }, 'Key', 'DeleteObjects'],
  ])('%o: %s', (sent, parameter, operation) => {
    const answer = seen(sent, parameter);
    expect(answer).toMatchObject({ operation });
    expect(answer.isUnreadable === true || answer.found?.length === 0).toBe(true);
  });
});

describe('what would be another operation is refused', () => {
  test.each<[string, string]>([
    ['s3', 'GET /'],
    ['s3', 'PUT /?policy='],
    ['s3', 'DELETE /'],
    ['s3', 'GET /secret.txt?torrent='],
    ['s3', 'PUT /a.txt?legal-hold='],
    ['s3', 'GET /a.txt?X-Amz-Signature=1'],
    ['slack', 'GET /api/chat.postMessage?channel=C1&text=x'],
    ['slack', 'POST /api/admin.users.invite'],
    ['google-drive', 'POST /batch/drive/v3'],
    ['google-drive', 'DELETE /drive/v2/files/1'],
    ['microsoft-365', 'POST /v1.0/$batch'],
    ['microsoft-365', 'GET /beta/me'],
    ['github', 'POST /graphql'],
    ['salesforce', 'POST /services/Soap/u/67.0'],
    ['openai', 'GET /v1/organization/users'],
    ['anthropic', 'GET /v1/organizations/api_keys'],
    ['okta', 'PUT /api/v1/policies/p1'],
    ['atlassian', 'DELETE /rest/api/3/user'],
  ])('%s: %s', (service, line) => {
    expect(seen({ service, line }, 'x').operation).toMatch(/^(none|ambiguous)$/);
  });
});
