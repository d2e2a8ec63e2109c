/** The stand-ins themselves: what the real services refuse is refused, and noted. */
import { describe, expect, test } from 'vitest';
import { call } from './stand-in-call.ts';
import { driveStandIn } from './stand-ins/google-drive.ts';
import { notionStandIn } from './stand-ins/notion.ts';
import { openAiStandIn } from './stand-ins/openai.ts';
import { salesforceStandIn } from './stand-ins/salesforce.ts';
import { slackStandIn } from './stand-ins/slack.ts';

const bearer = { authorization: 'Bearer right' };
const form = { ...bearer, 'content-type': 'application/x-www-form-urlencoded' };
const json = { ...bearer, 'content-type': 'application/json' };

const multipart = (type: string, parts: [string, string][]) => ({
  headers: { ...bearer, 'content-type': `${type}; boundary=mark` },
  body: `${parts.map(([head, content]) => `--mark\r\n${head}\r\n\r\n${content}\r\n`).join('')}--mark--\r\n`,
});

/** A wrong request is refused with this status and noted; a right one is neither. */
function answersWith(
  standIn: Parameters<typeof call>[0],
  status: number,
  line: string,
  headers: Record<string, string>,
  body: unknown,
): void {
  expect(call(standIn, line, headers, body).status).toBe(status);
  expect(standIn.faults.length).toBe(status === 200 ? 0 : 1);
}

describe('slack', () => {
  const error = (answer: any) => answer.body.error ?? 'ok';

  test.each<[string, string, Record<string, string>, unknown]>([
    ['not_authed', 'POST /api/auth.test', {}, ''],
    ['invalid_auth', 'POST /api/auth.test', { authorization: 'Bearer wrong' }, ''],
    ['invalid_auth', 'POST /api/auth.test', form, 'token=right'],
    ['invalid_auth', 'GET /api/auth.test?token=right', bearer, ''],
    ['unknown_method', 'POST /api/auth.tests', bearer, ''],
    ['missing_charset', 'POST /api/chat.postMessage', json, { channel: 'C0123456789', text: 'x' }],
    [
      'invalid_post_type',
      'POST /api/chat.postMessage',
      { ...bearer, 'content-type': 'text/plain' },
      'channel=C0123456789',
    ],
    ['missing_post_type', 'POST /api/chat.postMessage', bearer, 'channel=C0123456789&text=x'],
    ['channel_not_found', 'POST /api/chat.postMessage', form, 'channel=general&text=x'],
    ['no_text', 'POST /api/chat.postMessage', form, 'channel=C0123456789'],
    ['message_not_found', 'POST /api/chat.delete', form, 'channel=C0123456789&ts=1.2'],
    ['invalid_limit', 'GET /api/conversations.list?limit=5000', bearer, ''],
    ['ok', 'GET /api/conversations.list?limit=1', bearer, ''],
    ['ok', 'POST /api/chat.postMessage', form, 'channel=C0123456789&text=x'],
    [
      'ok',
      'POST /api/chat.postMessage',
      { ...bearer, 'content-type': 'application/json; charset=utf-8' },
      { channel: 'C0123456789', text: 'x' },
    ],
  ])('%s: %s', (expected, line, headers, body) => {
    const slack = slackStandIn({ token: 'right' });
    expect(error(call(slack, line, headers, body))).toBe(expected);
    expect(slack.faults.length).toBe(expected === 'ok' ? 0 : 1);
  });

  test('an upload needs its three steps, with the length that was announced', () => {
    const slack = slackStandIn({ token: 'right' });
    const { file_id: id } = call(slack, 'POST /api/files.getUploadURLExternal', form, 'filename=a.txt&length=5').body;
    const complete = `files=${encodeURIComponent(JSON.stringify([{ id }]))}&channel_id=C0123456789`;
    expect(error(call(slack, 'POST /api/files.completeUploadExternal', form, complete))).toBe('file_not_found');
    expect(call(slack, 'POST /upload/v1/ticket1', bearer, 'hello world').status).toBe(400);
    expect(call(slack, 'POST /upload/v1/ticket1', bearer, 'hello').status).toBe(200);
    expect(error(call(slack, 'POST /api/files.completeUploadExternal', form, complete))).toBe('ok');
    expect(slack.files.get(id)).toMatchObject({ name: 'a.txt', channels: ['C0123456789'] });
  });
});

describe('openai', () => {
  const asked = { model: 'gpt-5-mini', messages: [{ role: 'user', content: 'x' }] };

  test.each<[number, string, Record<string, string>, unknown]>([
    [401, 'GET /v1/models', {}, ''],
    [401, 'GET /v1/models', { authorization: 'Bearer wrong' }, ''],
    [401, 'GET /v1/models', { 'x-api-key': 'right' }, ''],
    [404, 'GET /models', bearer, ''],
    [404, 'GET /v1/models/gpt-1', bearer, ''],
    [400, 'POST /v1/chat/completions', bearer, asked],
    [400, 'POST /v1/chat/completions', json, '{"model": '],
    [400, 'POST /v1/chat/completions', json, { messages: asked.messages }],
    [404, 'POST /v1/chat/completions', json, { ...asked, model: 'gpt-1' }],
    [400, 'POST /v1/chat/completions', json, { ...asked, messages: [] }],
    [400, 'POST /v1/chat/completions', json, { ...asked, messages: [{ role: 'robot', content: 'x' }] }],
    [400, 'POST /v1/embeddings', json, { model: 'text-embedding-3-small', input: '' }],
    [400, 'POST /v1/files', json, { file: 'x', purpose: 'batch' }],
    [200, 'POST /v1/chat/completions', json, asked],
  ])('%d: %s', (...asked) => answersWith(openAiStandIn({ token: 'right' }), ...asked));

  test('a file comes as a form and goes again', () => {
    const openai = openAiStandIn({ token: 'right' });
    const { headers, body } = multipart('multipart/form-data', [
      ['Content-Disposition: form-data; name="purpose"', 'batch'],
      ['Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\nContent-Type: application/jsonl', '{"a":1}'],
    ]);
    const { id } = call(openai, 'POST /v1/files', headers, body).body;
    expect(call(openai, `GET /v1/files/${id}/content`).body.toString()).toBe('{"a":1}');
    expect(call(openai, `DELETE /v1/files/${id}`).body).toMatchObject({ deleted: true });
    expect(call(openai, `GET /v1/files/${id}`).status).toBe(404);
    const cut = body.slice(0, -4);
    expect(call(openai, 'POST /v1/files', headers, cut).status).toBe(400);
  });
});

describe('google-drive', () => {
  test.each<[number, string, Record<string, string>, unknown]>([
    [401, 'GET /drive/v3/files', {}, ''],
    [401, 'GET /drive/v3/files?access_token=right', {}, ''],
    [400, 'GET /drive/v3/about', bearer, ''],
    [404, 'GET /drive/v2/files', bearer, ''],
    [400, 'GET /drive/v3/files?pageSize=2000', bearer, ''],
    [400, 'POST /drive/v3/files', { ...bearer, 'content-type': 'text/plain' }, '{"name":"x"}'],
    [400, 'POST /upload/drive/v3/files', bearer, 'x'],
    [400, 'POST /upload/drive/v3/files?uploadType=multipart', json, { name: 'x' }],
    [404, 'GET /drive/v3/files/none', bearer, ''],
    [200, 'GET /drive/v3/about?fields=user', bearer, ''],
    [200, 'POST /drive/v3/files', json, { name: 'x' }],
  ])('%d: %s', (...asked) => answersWith(driveStandIn({ token: 'right' }), ...asked));

  test('a file is uploaded, read, moved, shared and deleted', () => {
    const drive = driveStandIn({ token: 'right' });
    const { headers, body } = multipart('multipart/related', [
      ['Content-Type: application/json', '{"name":"a.txt","parents":["one"]}'],
      ['Content-Type: text/plain', 'hello'],
    ]);
    const { id } = call(drive, 'POST /upload/drive/v3/files?uploadType=multipart', headers, body).body;
    expect(call(drive, `GET /drive/v3/files/${id}?alt=media`).body.toString()).toBe('hello');
    expect(call(drive, `GET /drive/v3/files/${id}/export`).status).toBe(400);
    expect(call(drive, `PATCH /drive/v3/files/${id}`, json, { parents: ['two'] }).status).toBe(403);
    expect(call(drive, `PATCH /drive/v3/files/${id}?addParents=two&removeParents=one`, json, {}).body.parents).toEqual([
      'two',
    ]);
    expect(call(drive, `POST /drive/v3/files/${id}/permissions`, json, { role: 'reader' }).status).toBe(400);
    expect(call(drive, `POST /drive/v3/files/${id}/permissions`, json, { role: 'reader', type: 'anyone' }).status).toBe(
      200,
    );
    expect(call(drive, `DELETE /drive/v3/files/${id}`).status).toBe(204);
    expect(drive.files.size).toBe(0);
  });
});

describe('notion', () => {
  const versioned = { ...json, 'notion-version': '2025-09-03' };
  const id = '0ed4734c-728f-46a6-bab7-3ca634b5c75d';

  test.each<[number, string, Record<string, string>, unknown]>([
    [401, 'GET /v1/users/me', { 'notion-version': '2025-09-03' }, ''],
    [400, 'GET /v1/users/me', bearer, ''],
    [400, 'GET /v1/users/me', { ...bearer, 'notion-version': 'latest' }, ''],
    [400, 'GET /v1/pages/some-page', versioned, ''],
    [404, `GET /v1/pages/${id}`, versioned, ''],
    [400, 'POST /v1/pages', versioned, { properties: {} }],
    [400, 'POST /v1/pages', versioned, { parent: { page_id: id, database_id: id }, properties: {} }],
    [404, 'POST /v1/pages', versioned, { parent: { data_source_id: id }, properties: {} }],
    [400, 'POST /v1/pages', { ...bearer, 'notion-version': '2025-09-03' }, { parent: { page_id: id }, properties: {} }],
    [400, 'GET /v1/comments', versioned, ''],
    [200, 'POST /v1/pages', versioned, { parent: { page_id: id }, properties: {} }],
    [200, 'GET /v1/users/me', versioned, ''],
  ])('%d: %s', (...asked) => answersWith(notionStandIn({ token: 'right' }), ...asked));

  test('a row is found by a query until it is in the trash', () => {
    const notion = notionStandIn({ token: 'right' });
    const parent = { type: 'data_source_id', data_source_id: notion.dataSource };
    const page = call(notion, 'POST /v1/pages', versioned, { parent, properties: {} }).body;
    const rows = () =>
      call(notion, `POST /v1/data_sources/${notion.dataSource}/query`, versioned, {}).body.results.length;
    expect(rows()).toBe(1);
    expect(
      call(notion, `PATCH /v1/blocks/${page.id}/children`, versioned, { children: [{ type: 'paragraph' }] }).status,
    ).toBe(400);
    expect(call(notion, `PATCH /v1/pages/${page.id}`, versioned, { in_trash: true }).body.in_trash).toBe(true);
    expect(rows()).toBe(0);
  });
});

describe('salesforce', () => {
  const base = '/services/data/v67.0';
  const made = () => salesforceStandIn({ token: 'right', host: 'mydomain.my.salesforce.com' });
  const soql = (text: string) => `GET ${base}/query?q=${encodeURIComponent(text)}`;

  test.each<[number, string, Record<string, string>, unknown]>([
    [401, `GET ${base}/limits`, {}, ''],
    [401, `GET ${base}/limits`, { authorization: 'OAuth right' }, ''],
    [404, 'GET /services/data/67.0/limits', bearer, ''],
    [404, `GET ${base}/sobjects/Lead/describe`, bearer, ''],
    [400, `POST ${base}/sobjects/Account`, json, { Industry: 'Tools' }],
    [400, `POST ${base}/sobjects/Account`, json, { Name: 'x', Colour: 'red' }],
    [400, `POST ${base}/sobjects/Account`, form, 'Name=x'],
    [400, `GET ${base}/query`, bearer, ''],
    [400, soql('DELETE FROM Account'), bearer, ''],
    [400, soql('SELECT Colour FROM Account'), bearer, ''],
    [404, `DELETE ${base}/sobjects/Account/001000000000000009`, bearer, ''],
    [400, `POST ${base}/jobs/ingest`, json, { object: 'Account', operation: 'drop' }],
    [200, soql('SELECT Id, Name FROM Account LIMIT 5'), bearer, ''],
  ])('%d: %s', (...asked) => answersWith(made(), ...asked));

  test('a record and a bulk job live as the guide says', () => {
    const salesforce = made();
    const { status, body } = call(salesforce, `POST ${base}/sobjects/Account`, json, { Name: 'Acme' });
    expect([status, body.success]).toEqual([201, true]);
    expect(call(salesforce, `PATCH ${base}/sobjects/Account/${body.id}`, json, { Industry: 'Tools' }).status).toBe(204);
    expect(call(salesforce, `GET ${base}/sobjects/Account/${body.id}`).body).toMatchObject({
      Name: 'Acme',
      Industry: 'Tools',
    });
    expect(call(salesforce, `DELETE ${base}/sobjects/Account/${body.id}`).status).toBe(204);
    const job = call(salesforce, `POST ${base}/jobs/ingest`, json, { object: 'Contact', operation: 'insert' }).body;
    const csv = { ...bearer, 'content-type': 'text/csv' };
    expect(call(salesforce, `PUT ${base}/jobs/ingest/${job.id}/batches`, json, 'LastName\nA\n').status).toBe(400);
    expect(call(salesforce, `PUT ${base}/jobs/ingest/${job.id}/batches`, csv, 'LastName\nA\nB\n').status).toBe(201);
    expect(call(salesforce, `PATCH ${base}/jobs/ingest/${job.id}`, json, { state: 'UploadComplete' }).body.state).toBe(
      'JobComplete',
    );
    expect(salesforce.records.get('Contact')?.size).toBe(2);
  });
});
