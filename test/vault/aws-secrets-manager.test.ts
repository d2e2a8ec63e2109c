/** Secrets that are kept in AWS Secrets Manager: the official client against a stand-in of the service. */
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createAwsSecretsManager } from '../../runtime/vault/backends/aws-secrets-manager.ts';
import { openBackends } from '../../runtime/vault/backends/open-backends.ts';
import { manualClock } from '../store/scratch.ts';
import { account, answerOf, keys, region, startAws } from './aws-stand-in.ts';
import { by, DAY_MS, type OpenOptions, openVault } from './open-vault.ts';

const name = 'cordon/default/slack/reporter';
const source = { kind: 'aws_secrets_manager' as const, path: 'slack/reporter' };
const input = { connector: 'slack', agent: 'reporter', source };
const day = (n: number) => `2025-12-${String(n).padStart(2, '0')}T00:00:00.000Z`;

beforeEach(() => {
  for (const variable of Object.keys(process.env).filter((one) => one.startsWith('AWS_')))
    vi.stubEnv(variable, undefined);
  vi.stubEnv('AWS_ACCESS_KEY_ID', keys.id);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', keys.secret);
  // No file of whoever runs the tests, and no question to the machine.
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});
afterEach(() => vi.unstubAllEnvs());

async function setUp({ prefix, ...options }: OpenOptions & { prefix?: string } = {}) {
  const standIn = await startAws();
  const aws = createAwsSecretsManager({ region, prefix, endpoint: standIn.endpoint, timeoutMs: 3000 });
  const opened = await openVault({ backends: { aws_secrets_manager: aws }, ...options });
  const refusal = async () => opened.vault.create('default', input, by).catch((error) => error);
  return { ...opened, standIn, refusal };
}

describe('a credential with a source', () => {
  test('is lent as the source has it, below the folder of its tenant, with the age of the current version', async () => {
    const { vault, standIn, lease, store } = await setUp();
    standIn.put(name, { token: 'secret-old' }, day(1));
    standIn.put(name, { token: 'secret-one', comment: 'not a field', port: 7 }, day(31));
    standIn.secrets.get(name)?.versions.push({
      text: '{"token":"secret-not-ready"}',
      versionId: '00000000-0000-4000-8000-00000000abcd',
      createdSeconds: 1_800_000_000,
      stages: ['AWSPENDING'],
    });
    const made = await vault.create('default', input, by);
    expect(made).toMatchObject({ source, version: 1, rotatedAt: '2025-12-31T00:00:00.000Z', isOld: false });
    expect((await lease()).secret).toEqual({ token: 'secret-one' });
    expect(standIn.seen.length).toBeGreaterThan(0);
    for (const one of standIn.seen)
      expect(one).toEqual({
        name,
        stage: 'AWSCURRENT',
        target: 'secretsmanager.GetSecretValue',
        type: 'application/x-amz-json-1.1',
        fault: undefined,
      });
    expect(await store.range({ prefix: ['credential-secret'] })).toEqual([]);
    await expect(vault.putSecret('default', made.id, { token: 'a-secret' }, by)).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  test('lies behind the prefix of the operator when there is one', async () => {
    const { vault, standIn, lease } = await setUp({ prefix: 'prod/eu' });
    standIn.put(name, { token: 'secret-outside' }, day(1));
    standIn.put(`prod/eu/${name}`, { token: 'secret-one' }, day(1));
    await vault.create('default', input, by);
    expect((await lease()).secret).toEqual({ token: 'secret-one' });
  });

  test('a new secret there is a new version after a minute, and ends leases of the former; so is a step back', async () => {
    const { vault, standIn, lease, clock } = await setUp();
    standIn.put(name, { token: 'secret-one' }, day(1));
    const { id } = await vault.create('default', input, by);
    const held = await lease();
    const before = standIn.seen.length;
    standIn.put(name, { token: 'secret-two' }, day(30));
    expect((await lease()).secret.token).toBe('secret-one');
    clock.advance(60_000);
    const next = await lease();
    expect(standIn.seen.length - before).toBe(1);
    expect([next.version, next.secret.token]).toEqual([2, 'secret-two']);
    expect([held.revoked.aborted, next.revoked.aborted]).toEqual([true, false]);
    expect(await vault.get('default', id)).toMatchObject({ version: 2, rotatedAt: '2025-12-30T00:00:00.000Z' });
    // The stage goes back to the former version, which is as old as it was.
    const [first, second] = standIn.secrets.get(name)!.versions;
    [first!.stages, second!.stages] = [['AWSCURRENT'], ['AWSPREVIOUS']];
    clock.advance(60_000);
    expect([(await lease()).version, (await lease()).secret.token]).toEqual([3, 'secret-one']);
    expect(await vault.get('default', id)).toMatchObject({ rotatedAt: '2025-12-01T00:00:00.000Z' });
    // Deleted and made anew under the same id of a version.
    standIn.secrets.delete(name);
    standIn.put(name, { token: 'secret-three' }, day(31), { versionId: first!.versionId });
    clock.advance(60_000);
    expect([(await lease()).version, (await lease()).secret.token]).toEqual([4, 'secret-three']);
  });

  test('is refused when it is too old there', async () => {
    const { vault, standIn, lease } = await setUp({ refuseAfterMs: 10 * DAY_MS });
    standIn.put(name, { token: 'secret-one' }, day(1));
    expect(await vault.create('default', input, by)).toMatchObject({ isOld: true });
    await expect(lease()).rejects.toMatchObject({ reason: 'credential_expired' });
  });

  test('is refused at its making when there is no such secret, or no field that the connector needs', async () => {
    const { vault, standIn, refusal } = await setUp();
    expect(await refusal()).toMatchObject({
      code: 'validation_failed',
      message: 'source: aws_secrets_manager: there is no secret at this path',
    });
    standIn.put(name, { password: 'hunter2-hunter2' }, day(1));
    expect((await refusal()).message).toBe('source: aws_secrets_manager: secret.token: is required by bearer');
    for (const text of [
      'hunter2-hunter2',
      '["hunter2-hunter2"]',
      '"hunter2-hunter2"',
      'null',
      '{"token":hunter2-hun',
    ]) {
      standIn.put(name, text, day(1));
      expect((await refusal()).message).toMatch(/: the secret at this path is no JSON object with fields, such as /);
      expect((await refusal()).message).not.toContain('hunter2');
    }
    standIn.put(name, '', day(1), { binary: Buffer.from('{"token":"abcdef"}').toString('base64') });
    expect((await refusal()).message).toContain('is binary');
    standIn.put(name, { token: 'secret-one' }, day(1), { stages: ['AWSPENDING'] });
    expect((await refusal()).message).toContain('there is no secret at this path');
    standIn.secrets.get(name)!.deleted = true;
    expect((await refusal()).message).toContain('may be marked for deletion');
    expect((await vault.list('default', { limit: 5 })).items).toEqual([]);
  });

  test('of another tenant cannot be named, and neither can an ARN', async () => {
    const { vault, standIn } = await setUp();
    standIn.put('cordon/acme/slack', { token: 'of-acme' }, day(1));
    const arn = `arn:aws:secretsmanager:${region}:${account}:secret:cordon/acme/slack-AbCdEf`;
    for (const path of ['../acme/slack', '..%2Facme/slack', '/acme/slack', 'x/../../acme/slack', arn, 'a//b', ''])
      await expect(
        vault.create('default', { ...input, source: { kind: 'aws_secrets_manager', path } }, by),
      ).rejects.toMatchObject({ details: { errors: [{ field: 'source.path' }] } });
    for (const more of [{ secretId: arn }, { stage: 'AWSPREVIOUS' }, { region: 'us-east-1' }, { endpoint: 'http://x' }])
      await expect(vault.create('default', { ...input, source: { ...source, ...more } }, by)).rejects.toMatchObject({
        details: { errors: [{ field: `source.${Object.keys(more)[0]}` }] },
      });
    const long = { kind: 'aws_secrets_manager', path: 'x'.repeat(510) };
    await expect(vault.create('default', { ...input, source: long }, by)).rejects.toThrow('longer than the 512');
    expect(standIn.seen).toEqual([]);
  });
});

describe('the credentials of Cordon', () => {
  test('that AWS does not take are a refusal that names none of them', async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another-signing-key');
    const { standIn, refusal } = await setUp();
    standIn.put(name, { token: 'secret-one' }, day(1));
    expect((await refusal()).message).toBe('source: aws_secrets_manager: it refuses the AWS credentials of Cordon');
    expect(standIn.seen[0]?.fault).toBe('the signature is another one');
  });

  test('that are nowhere to be found are a refusal that says so', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    const { standIn, refusal } = await setUp();
    expect((await refusal()).message).toContain('Cordon has no AWS credentials');
    expect(standIn.seen).toEqual([]);
  });
});

describe('a source that fails', () => {
  type Answer = Parameters<Awaited<ReturnType<typeof startAws>>['answerInstead']>[0];
  const refusing = (status: number, kind: string): Answer => {
    const message = `User: arn:aws:iam::${account}:user/cordon is not authorized`;
    return (_, response) => void response.writeHead(status).end(JSON.stringify({ __type: kind, message }));
  };
  const version = { text: '{"token":"secret-two"}', versionId: 'v'.repeat(36), createdSeconds: 1, stages: [] };
  const failures: [string, RegExp, Answer][] = [
    ['is down', /it answered with status 503/, (_, r) => void r.writeHead(503).end('{}')],
    ['throttles', /it answered with status 400/, refusing(400, 'ThrottlingException')],
    ['does not let us read', /does not let Cordon read this path/, refusing(400, 'AccessDeniedException')],
    ['cannot decrypt', /cannot decrypt the secret with its KMS key/, refusing(400, 'DecryptionFailure')],
    ['finds our credentials old', /refuses the AWS credentials/, refusing(400, 'ExpiredTokenException')],
    ['has an error of its own kind', /it answered with status 418/, refusing(418, 'constructor')],
    ['answers no JSON', /broke off, or is not JSON/, (_, r) => void r.end('<html>secret-two')],
    ['answers nothing', /not that of AWS Secrets Manager/, (_, r) => void r.end()],
    ['answers of another secret', /for this path/, (_, r) => void r.end(JSON.stringify(answerOf('other', version)))],
    ['answers another stage', /for this path/, (_, r) => void r.end(JSON.stringify(answerOf(name, version)))],
    ['answers too much', /too large/, (_, r) => void r.end(Buffer.alloc(3_000_000, 0x20))],
    ['breaks off', /broke off|could not be reached/, (_, r) => void r.write('{"Name":', () => r.destroy())],
    ['never answers', /could not be reached \((TimeoutError|AbortError)\)/, () => {}],
    ['drips without an end', /broke off|could not be reached/, (_, r) => void r.write('{')],
  ];
  test.each(failures)(
    '%s: calls are refused with a reason, and go on when it is back',
    async (_, reason, answer) => {
      const { vault, standIn, lease, clock, lines } = await setUp();
      standIn.put(name, { token: 'secret-one' }, day(1));
      await vault.create('default', input, by);
      await lease();
      standIn.answerInstead(answer);
      clock.advance(60_000);
      const error = await lease().catch((refused) => refused);
      expect(error).toMatchObject({ name: 'CredentialRefused', reason: 'credential_missing' });
      expect(error.message).toMatch(reason);
      expect(error.message).toMatch(/^the credential for slack cannot be used: aws_secrets_manager: /);
      expect(lines.join('')).toContain('a credential could not be read');
      for (const hidden of [keys.id, keys.secret, 'secret-one', 'secret-two', account, standIn.endpoint]) {
        expect(error.message).not.toContain(hidden);
        expect(lines.join('')).not.toContain(hidden);
      }
      standIn.answerInstead(undefined);
      expect((await lease()).secret.token).toBe('secret-one');
    },
    30_000,
  );

  test('sends us elsewhere: the signature does not follow', async () => {
    const { standIn, refusal } = await setUp();
    const reached: unknown[] = [];
    const elsewhere = createServer((request, response) => {
      reached.push(request.headers.authorization);
      response.end('{}');
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void elsewhere.close());
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
    standIn.answerInstead((_, response) => response.writeHead(307, { location }).end());
    expect((await refusal()).message).toContain('answered with a redirect');
    expect(reached).toEqual([]);
  });
});

describe('settings', () => {
  const none = { vaultAddress: undefined, vaultToken: undefined, vaultRoleId: undefined, vaultSecretId: undefined };
  const unset = { ...none, vaultMount: 'secret', awsRegion: undefined, awsSecretsPrefix: undefined };
  const open = (more: object) => openBackends({ ...unset, ...more }, manualClock());

  test('a region sets it up, beside another backend as well; half of it is refused', () => {
    expect(open({})).toEqual({});
    expect(Object.keys(open({ awsRegion: region }))).toEqual(['aws_secrets_manager']);
    const both = {
      awsRegion: region,
      awsSecretsPrefix: 'prod',
      vaultAddress: 'https://vault.example',
      vaultToken: 'x',
    };
    expect(Object.keys(open(both)).sort()).toEqual(['aws_secrets_manager', 'hashicorp']);
    expect(() => open({ awsSecretsPrefix: 'prod' })).toThrow('CORDON_AWS_SECRETS_PREFIX needs CORDON_AWS_REGION');
  });

  test("setting it up does not load AWS's library: that is for the first secret", () => {
    const program = `
      import { createAwsSecretsManager } from './runtime/vault/backends/aws-secrets-manager.ts';
      import { createRequire } from 'node:module';
      const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('@aws-sdk'));
      const aws = createAwsSecretsManager({ region: 'eu-central-1', endpoint: 'http://127.0.0.1:9', timeoutMs: 5000 });
      const before = loaded();
      const error = await aws.read('default', { kind: 'aws_secrets_manager', path: 'a' }).catch((reason) => reason);
      console.log(before, loaded(), error.name);
      process.exit();`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    expect(said.trim()).toBe('false true SourceError');
  });
});
