import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { preflight } from '../../cli/preflight.ts';
import { checks } from '../../runtime/permission/preflight/checks.ts';
import { scratchDir } from '../store/scratch.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/PREFLIGHT.md'), 'utf8');

test('the page has every check, in order, and no other', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(rows).toEqual(checks.map(({ name }) => name));
});

test('its example of a policy file passes', async () => {
  const [, example = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  const folder = scratchDir();
  writeFileSync(join(folder, 'policy.yaml'), example);
  writeFileSync(
    join(folder, 'crm-openapi.yaml'),
    `openapi: 3.1.0
info: { title: CRM, version: '1' }
servers: [{ url: https://crm.example.com }]
components: { securitySchemes: { key: { type: http, scheme: bearer } } }
security: [{ key: [] }]
paths:
  /records: { get: { operationId: records.list, responses: { '200': { description: ok } } } }
`,
  );
  const written: string[] = [];
  const into = { write: (text: string) => written.push(text) };
  const code = await preflight([join(folder, 'policy.yaml')], { stdout: into, stderr: into, env: {} });
  expect(written.join('')).toContain('an activation would pass');
  expect(written.join('')).toMatch(/^waived +wildcard/);
  expect(code).toBe(0);
});
