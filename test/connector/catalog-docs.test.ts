/** docs/connectors against the catalog: what a page tells its reader to send is accepted, and what it says of operations is true. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../runtime/connector/catalog.ts';
import { readConnector } from '../../runtime/connector/check-connector.ts';
import { type Connector, secretFields } from '../../runtime/connector/connector.ts';
import { checkGrantInput } from '../../runtime/permission/grant-input.ts';
import { matchesOperation, parsePattern } from '../../runtime/permission/operation-pattern.ts';
import { codeSpans, readDocument, readTable, root } from '../docs/markdown.ts';

const catalog = readCatalog();
const nowMs = Date.parse('2026-12-01T00:00:00Z');

test('each service has its page, and each page its service', () => {
  const pages = readdirSync(join(root, 'docs/connectors')).map((file) => file.replace(/\.md$/, ''));
  expect(pages.sort()).toEqual(catalog.names());
});

describe.each(catalog.names())('%s', (name) => {
  const entry = catalog.entry(name)!;
  const page = readDocument(`docs/connectors/${name}.md`);
  const example = (heading: string) => JSON.parse(blockUnder(page, heading));
  const connector = async (): Promise<Connector> => ({
    ...(await readConnector(example('Connector'), { catalog })),
    tenant: 'default',
    createdAt: '',
    updatedAt: '',
  });

  test('the example of a connector is accepted, with all operations', async () => {
    const { id, operations, origins } = await connector();
    expect(id).toBe(name);
    expect(operations.length).toBe(entry.operations.length);
    expect(origins.length).toBeGreaterThan(0);
  });

  test('the example of a credential has the secret that the connector needs', async () => {
    const { auth } = await connector();
    const { connector: of, agent, secret } = example('Credential');
    expect([of, agent]).toEqual([name, 'reporter']);
    const fields = Object.entries(secretFields[auth.type]);
    expect(Object.keys(secret).filter((field) => !fields.some(([known]) => known === field))).toEqual([]);
    for (const [field, isRequired] of fields) if (isRequired) expect(secret, field).toHaveProperty(field);
  });

  test('the examples of grants are accepted, and constrain what their operations have', async () => {
    const made = await connector();
    const grants = example('Grants') as unknown[];
    expect(grants.length).toBeGreaterThan(1);
    for (const grant of grants) {
      const { operations, constraints } = checkGrantInput(grant, made, nowMs);
      const granted = made.operations.filter((one) =>
        operations.some((pattern) => matchesOperation(parsePattern(pattern), one)),
      );
      for (const { name: operation, parameters } of granted)
        for (const parameter of Object.keys(constraints))
          expect(
            parameters.map((one) => one.name),
            `${operation} with ${parameter}`,
          ).toContain(parameter);
    }
  });

  test('no example grants something dangerous without a bound', async () => {
    const made = await connector();
    for (const grant of example('Grants')) {
      const { operations, constraints, maxCalls, requiresApproval } = checkGrantInput(grant, made, nowMs);
      const isBound = Object.keys(constraints).length > 0 || maxCalls !== undefined || requiresApproval;
      const dangerous = made.operations.filter(
        (one) =>
          (one.effect === 'delete' || one.effect === 'send') &&
          operations.some((pattern) => matchesOperation(parsePattern(pattern), one)),
      );
      expect(dangerous.length === 0 || isBound, JSON.stringify(grant)).toBe(true);
    }
  });

  test('the table of dangerous operations is that of the data', () => {
    const rows = readTable(page, ['operation', 'effect', 'what can go wrong']);
    expect(rows.length).toBeGreaterThan(1);
    for (const row of rows) {
      const operation = entry.operations.find((one) => one.name === codeSpans(row.operation ?? '')[0]);
      expect(operation, row.operation).toMatchObject({
        effect: codeSpans(row.effect ?? '')[0],
        danger: row['what can go wrong'],
      });
    }
  });

  test('it counts the operations rightly, names the reference and says how it was tested', () => {
    expect(page).toContain(`\`GET /v1/catalog/${name}\` lists all ${entry.operations.length} operations`);
    expect(page).toContain(entry.documentation);
    expect(page).toMatch(/\n## How it was tested\n\n.*Nothing was ever sent to .* itself\./);
  });
});

/** The first block of JSON under a heading. */
function blockUnder(markdown: string, heading: string): string {
  const section = markdown.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  const block = section === undefined ? null : /```json\n([\s\S]*?)\n```/.exec(section);
  if (!block?.[1]) throw new Error(`there is no JSON under ${heading}`);
  return block[1];
}
