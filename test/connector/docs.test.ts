/** docs/connectors.md against the code: numbers, names and examples. */
import { expect, test } from 'vitest';
import { readCatalog } from '../../runtime/connector/catalog.ts';
import { readConnector } from '../../runtime/connector/check-connector.ts';
import { MAXIMUM_OPERATIONS } from '../../runtime/connector/check-operations.ts';
import { secretFields } from '../../runtime/connector/connector.ts';
import { MAXIMUM_CONNECTORS } from '../../runtime/connector/connectors.ts';
import { MAXIMUM_PARAMETERS } from '../../runtime/connector/openapi/parameters.ts';
import { readDocument } from '../docs/markdown.ts';
import { readings } from './server-models.ts';

const text = readDocument('docs/connectors.md');

test('the table of the catalog is the catalog', () => {
  const catalog = readCatalog();
  const rows = [
    ...text.matchAll(/^\| \[([a-z0-9-]+)\]\(connectors\/\1\.md\) \| (.+?) \| (.+?) \| (.+?) \| (\d+) \|$/gm),
  ];
  const expected = catalog.names().map((name) => {
    const { title, hosts, auth, operations } = catalog.entry(name)!;
    const where = hosts?.map((host) => `\`${host}\``).join(', ') ?? 'yours: `hosts`';
    return [name, title, where, auth ? `\`${auth.type}\`` : 'yours: `auth`', String(operations.length)];
  });
  expect(rows.map((row) => row.slice(1))).toEqual(expected);
});

test('its numbers', () => {
  const spelled = (count: number) => count.toLocaleString('en');
  expect(text).toContain(
    `at most ${MAXIMUM_CONNECTORS} connectors, a connector at most ${spelled(MAXIMUM_OPERATIONS)} operations`,
  );
  expect(text).toContain(`at most ${MAXIMUM_PARAMETERS}.`);
  expect(readings).toHaveLength(15);
  expect(text).toContain('models of fifteen kinds of lenient servers');
});

test('every scheme is named, and the example of a list is accepted', async () => {
  for (const scheme of Object.keys(secretFields)) expect(text).toContain(`\`${scheme}\``);
  const [, example] = /```json\n(\{\n {2}"id": "tickets"[\s\S]*?)```/.exec(text) ?? [];
  const made = await readConnector(JSON.parse(example ?? ''), {});
  expect(made.operations.map(({ name }) => name)).toEqual(['tickets.get', 'tickets.reply']);
});
