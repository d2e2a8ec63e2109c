/** docs/API.md against the product. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { access } from '../../api/roles.ts';
import { errorCodes } from '../../runtime/errors.ts';
import { runStatuses } from '../../runtime/run/record.ts';
import { eventsOf, type Service, startService } from '../api/service.ts';
import { codeSpans, readDocument, readTable } from './markdown.ts';

const document = readDocument('docs/API.md');
const name = (cell: string | undefined) => codeSpans(cell ?? '')[0];

test('the table of errors is the one of the code', () => {
  const rows = readTable(document, ['code', 'status', 'title']);
  const shown = rows.map((row) => [name(row.code), { status: Number(row.status), title: row.title }]);
  expect(shown).toEqual(Object.entries(errorCodes));
});

test('the table of roles is the one of the code', () => {
  const rows = readTable(document, ['routes', 'to read', 'to change']);
  const resources = rows.flatMap((row) => codeSpans(row.routes ?? ''));
  const roleOf = (wanted: string[], reads: boolean) => {
    const needed = Object.entries(access).filter(([route, role]) => {
      // A route belongs to the last part of its path that the table has.
      const resource = route.split('/').findLast((part) => resources.includes(part));
      expect([route, role === 'public' || resource !== undefined]).toEqual([route, true]);
      return resource !== undefined && wanted.includes(resource) && route.startsWith('GET ') === reads;
    });
    return [...new Set(needed.map(([, role]) => role))].join();
  };
  for (const row of rows) {
    const wanted = codeSpans(row.routes ?? '');
    expect([row.routes, row['to read'], row['to change']]).toEqual([
      row.routes,
      roleOf(wanted, true),
      roleOf(wanted, false),
    ]);
  }
  expect(new Set(resources).size).toBe(resources.length);
});

test('the modules of Node.js are those that the message of a failed import lists', () => {
  const line = document.split('\n').find((text) => text.startsWith('- `node:fs`')) ?? '';
  // The file runs in isolates only: its list is read, not imported.
  const source = readDocument('runtime/sandbox/isolate/guest/modules/builtins.js');
  const listed = /export const listed =\s*'([^']+)'/.exec(source)?.[1] ?? '';
  const modules = (text: string) => text.match(/node:[\w/]+/g);
  expect(modules(line)).toEqual(modules(listed));
  expect(modules(listed)?.length).toBeGreaterThan(10);
});

test('each status of a run is explained', () => {
  expect(readTable(document, ['status', 'what']).map((row) => name(row.status))).toEqual([...runStatuses]);
});

describe('a program', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  test.each(
    readTable(document, ['program', 'result', 'resultType']).map((row) => [name(row.program) as string, row] as const),
  )('%s', async (code, { result, resultType }) => {
    const { json: run } = await service.run(code, { input: 1 });
    expect(run.status).toBe('succeeded');
    expect('result' in run ? JSON.stringify(run.result) : 'no result').toBe(name(result) ?? result);
    expect(run.resultType ?? '').toBe(resultType);
  });

  test('has every global and module that the page names', async () => {
    const section = document.slice(document.indexOf('## What a program has'));
    const modules = codeSpans(section).filter((span) => span.startsWith('node:'));
    const globals = codeSpans(
      section.slice(section.indexOf('- `console`'), section.indexOf('No `SharedArrayBuffer`')),
    ).filter((span) => !['randomUUID', 'getRandomValues', 'subtle.digest', 'env'].includes(span));
    expect([modules.length, globals.length].every((count) => count > 5)).toBe(true);
    const code = `
const missing = [];
for (const name of ${JSON.stringify(modules)}) try { await import(name); require(name); } catch { missing.push(name); }
for (const name of ${JSON.stringify(globals)}) if (!(name in globalThis)) missing.push(name);
for (const at of [crypto.randomUUID, crypto.getRandomValues, crypto.subtle.digest]) if (typeof at !== 'function') missing.push('crypto');
if (typeof SharedArrayBuffer !== 'undefined' || Object.keys(process.env).length > 0) missing.push('absence');
if (process.cwd() !== '/workspace') missing.push('/workspace');
export default missing;`;
    expect((await service.run(code)).json).toMatchObject({ status: 'succeeded', result: [] });
  });

  test('has events with the fields that the page names', async () => {
    const rows = readTable(document, ['type', 'further fields']);
    const fields = new Map(rows.map((row) => [name(row.type), codeSpans(row['further fields'] ?? '')]));
    const code = `
import { display, memory } from 'cordon';
console.log('out'); console.error('err'); display('text'); await memory.set('k', 1); await memory.delete('k');
await fetch('https://example.com/').catch(() => {});`;
    const { text } = await service.run(code, {}, { headers: { accept: 'text/event-stream' } });
    const events = eventsOf(text);
    expect(events.map(({ id }) => id)).toEqual(events.map((_, at) => at + 1));
    for (const { event, data } of events)
      expect([event, Object.keys(data).slice(3).sort()]).toEqual([event, [...(fields.get(event) ?? [])].sort()]);
    // `log` is for drivers that have logs of their own.
    expect([...new Set([...events.map(({ event }) => event), 'log'])].sort()).toEqual([...fields.keys()].sort());
  });
});
