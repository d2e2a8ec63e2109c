import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { preflight } from '../../cli/preflight.ts';
import { scratchDir } from '../store/scratch.ts';

const main = resolve(import.meta.dirname, '../../cli/main.ts');

/** The command in a process of its own, as CI runs it. */
async function cordon(args: string[], { input = '', env = {} as Record<string, string>, cwd = scratchDir() } = {}) {
  const child = spawn(process.execPath, [main, ...args], { cwd, env: { PATH: process.env.PATH, ...env } });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const code = await new Promise<number | null>((done) => child.on('close', done));
  return { code, ...output };
}

/** The same without a process: for what does not differ by it. */
async function judged(...args: string[]) {
  const written = { stdout: '', stderr: '' };
  const into = (name: 'stdout' | 'stderr') => ({
    write(text: string) {
      written[name] += text;
    },
  });
  const code = await preflight(args, { stdout: into('stdout'), stderr: into('stderr'), env: {} });
  return { code, ...written };
}

const crm = {
  id: 'crm',
  auth: { type: 'bearer' },
  hosts: ['crm.example.com'],
  operations: [
    { name: 'records.list', method: 'GET', path: '/records', effect: 'read' },
    { name: 'records.delete', method: 'DELETE', path: '/records/{id}', effect: 'delete' },
  ],
};
const bounded = { connector: 'crm', operations: ['records.list'], expiresAt: '2100-01-01T00:00:00Z' };
const good = { agent: 'reporter', connectors: [crm], grants: [bounded] };
const free = { ...bounded, operations: ['records.delete'] };

function policy(content: unknown): string {
  const file = join(scratchDir(), 'policy.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

test('a policy without fault: exit code 0', async () => {
  const { code, stdout, stderr } = await cordon(['preflight', policy(good)]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toBe('agent reporter: 0 errors, 0 warnings, 0 notes; an activation would pass\n');
});

test('warnings alone: exit code 0, and they are shown with what to do', async () => {
  const { expiresAt: _, ...endless } = bounded;
  const { code, stdout } = await cordon(['preflight', policy({ ...good, grants: [endless] })]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^warning +no_deadline +grants\.0 crm +The grant has no deadline.*\n +-> Set expiresAt\.\n/);
  expect(stdout).toContain('0 errors, 1 warnings');
});

test('an error: exit code 1, errors first', async () => {
  const { code, stdout } = await cordon(['preflight', policy({ ...good, grants: [bounded, free] })]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^error +unconstrained +grants\.1 crm records\.delete +records\.delete \(delete\)/);
  expect(stdout).toContain('an activation would be refused');
});

test('operations and connectors that do not exist are findings', async () => {
  const grants = [
    { ...bounded, operations: ['records.export'] },
    { ...bounded, connector: 'erp' },
  ];
  const { code, stdout } = await judged('--json', policy({ ...good, grants }));
  expect(code).toBe(1);
  const { agent, ok, findings } = JSON.parse(stdout);
  expect([agent, ok]).toEqual(['reporter', false]);
  expect(findings.map((finding: { check: string }) => finding.check)).toEqual([
    'connector_missing',
    'unknown_operation',
  ]);
});

test('a waiver with a reason lets an error pass; for another grant it does not', async () => {
  const waiver = { check: 'unconstrained', grant: 'grants.1', reason: 'nightly clean-up' };
  const waived = await cordon(['preflight', policy({ ...good, grants: [bounded, free], waivers: [waiver] })]);
  expect(waived.code).toBe(0);
  expect(waived.stdout).toMatch(/^waived +unconstrained/);
  expect(waived.stdout).toContain('1 waived; an activation would pass');
  const both = { ...good, grants: [free, free], waivers: [waiver] };
  expect((await cordon(['preflight', policy(both)])).code).toBe(1);
});

test('secrets are judged when the file lists them, by the ages that the environment sets', async () => {
  const withCredentials = (...credentials: unknown[]) => policy({ ...good, credentials });
  const day = 24 * 3_600_000;
  const rotatedAt = new Date(Date.now() - 40 * day).toISOString();
  const missing = await cordon(['preflight', withCredentials()]);
  expect([missing.code, missing.stdout]).toEqual([1, expect.stringMatching(/^error +secret_missing/)]);
  const old = withCredentials({ connector: 'crm', rotatedAt });
  expect((await cordon(['preflight', old])).stdout).toMatch(/^warning +secret_old/);
  const env = { CORDON_CREDENTIAL_MAXIMUM_MS: String(35 * day) };
  const refused = await cordon(['preflight', old], { env });
  expect([refused.code, refused.stdout]).toEqual([1, expect.stringMatching(/^error +secret_old/)]);
  const foreign = withCredentials({ connector: 'crm', agent: 'other', rotatedAt });
  expect((await cordon(['preflight', foreign])).code).toBe(1);
});

test('YAML, standard input, a document beside the file, the catalog, and what GET shows', async () => {
  const folder = scratchDir();
  writeFileSync(
    join(folder, 'crm.yaml'),
    `openapi: 3.1.0
info: { title: CRM, version: '1' }
servers: [{ url: https://crm.example.com }]
components: { securitySchemes: { key: { type: http, scheme: bearer } } }
security: [{ key: [] }]
paths:
  /records:
    get: { operationId: records.list, responses: { '200': { description: ok } } }
    delete: { operationId: records.purge, responses: { '200': { description: ok } } }
`,
  );
  writeFileSync(
    join(folder, 'policy.yaml'),
    `agent: reporter
connectors:
  - { id: crm, file: ./crm.yaml }
  - { id: slack, catalog: slack }
  - id: shown
    tenant: default
    origins: ['https://shown.example.com']
    auth: { type: basic }
    operations: [{ name: a, method: POST, path: /a, effect: send, parameters: [] }]
    createdAt: '2026-01-01T00:00:00.000Z'
grants:
  - { connector: crm, operations: ['*'], expiresAt: '2100-01-01T00:00:00Z' }
  - { connector: slack, operations: [conversations.list], expiresAt: '2100-01-01T00:00:00Z' }
  - id: grt_1
    agent: reporter
    connector: shown
    operations: [a]
    constraints: {}
    requiresApproval: true
    as: agent
    status: in_force
    createdAt: '2026-01-01T00:00:00.000Z'
    expiresAt: '2100-01-01T00:00:00Z'
`,
  );
  const { code, stdout, stderr } = await cordon(['preflight', '--json', join(folder, 'policy.yaml')]);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout).findings).toMatchObject([
    { check: 'wildcard', severity: 'error', grant: 'grants.0', operation: 'records.purge' },
    { check: 'unconstrained', severity: 'error', grant: 'grants.0', operation: 'records.purge' },
  ]);
  expect(code).toBe(1);
  expect((await cordon(['preflight', '-'], { input: JSON.stringify(good) })).code).toBe(0);
});

test('a deadline that is over is told, and blocks nothing', async () => {
  const over = { ...free, expiresAt: '2020-01-01T00:00:00Z' };
  const { code, stdout } = await judged(policy({ ...good, grants: [over] }));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^info +ended/);
});

test.each([
  ['no JSON', '{"agent": ', 'neither JSON nor YAML'],
  ['no object', '[]', 'must be an object'],
  ['an unknown member', { ...good, grant: [] }, 'grant: is not known'],
  ['no agent', { ...good, agent: undefined }, 'agent: must be'],
  ['an agent with an odd name', { ...good, agent: '../x' }, 'agent: must be'],
  ['no connectors', { ...good, connectors: undefined }, 'connectors: must be a list'],
  ['a connector twice', { ...good, connectors: [crm, crm] }, 'connectors.1.id: crm is there twice'],
  [
    'a connector without auth',
    { ...good, connectors: [{ ...crm, auth: undefined }] },
    'connectors.0: auth: is required',
  ],
  [
    'a connector by address',
    { ...good, connectors: [{ id: 'x', url: 'https://x.example.com' }] },
    'is not fetched here',
  ],
  ['a document that is not there', { ...good, connectors: [{ id: 'x', file: 'nowhere.yaml' }] }, 'nowhere.yaml'],
  [
    'a grant with an unknown word',
    { ...good, grants: [{ ...bounded, maxcalls: 1 }] },
    'grants.0: maxcalls: is not known',
  ],
  [
    'a pattern that is none',
    { ...good, grants: [{ ...bounded, constraints: { a: { pattern: '(' } } }] },
    'grants.0: constraints.a.pattern: is not a pattern',
  ],
  [
    'a secret',
    { ...good, credentials: [{ connector: 'crm', secret: { token: 'hush' } }] },
    'has no place in such a file',
  ],
  ['a waiver without a reason', { ...good, waivers: [{ check: 'wildcard' }] }, 'waivers.0.reason'],
  [
    'a waiver of nothing',
    { ...good, waivers: [{ check: 'everything', reason: 'x' }] },
    'waivers.0.check: must be one of',
  ],
])('%s: exit code 2, with the place', async (_name, content, says) => {
  const { code, stdout, stderr } = await judged(policy(content));
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(says);
  expect(stderr).not.toContain('hush');
  expect(stderr).not.toMatch(/\n +at /);
});

test.each([
  [[]],
  [['preflight']],
  [['preflight', 'a', 'b']],
  [['preflight', '--loud', 'a']],
  [['fly', 'a']],
])('%j: exit code 2 and the usage', async (args) => {
  const { code, stderr } = await cordon(args);
  expect([code, stderr]).toEqual([2, expect.stringContaining('preflight [--json] FILE')]);
});

test('a file that is not there: exit code 2', async () => {
  const { code, stderr } = await cordon(['preflight', 'nowhere.json']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('nowhere.json')]);
});

test('names of a file cannot move the cursor', async () => {
  const { stdout } = await judged(policy({ ...good, grants: [{ ...free, id: 'grt_1' }] }));
  expect(stdout).toContain('grt_1');
  const shown = {
    id: 'crm',
    origins: [],
    auth: { type: 'none' },
    operations: [{ name: 'a\u009b2Jb\u202e', effect: 'send' }],
  };
  const odd = { agent: 'reporter', connectors: [shown], grants: [{ ...bounded, operations: ['*'] }] };
  const { code, stdout: table } = await judged(policy(odd));
  expect(code).toBe(1);
  expect(table).toContain('a\\u009b2Jb\\u202e (send)');
});
