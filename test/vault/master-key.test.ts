/** The master key: where it comes from, when it is refused, and how it is changed. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openDataDir } from '../../runtime/store/data-dir.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import type { Secret } from '../../runtime/vault/credential.ts';
import { openSecret, rewrapSecret, type SealedSecret, sealSecret } from '../../runtime/vault/envelope.ts';
import { openMasterKey, readMasterKey } from '../../runtime/vault/master-key.ts';
import { rekeyDataDir, rewrapAll } from '../../runtime/vault/rekey.ts';
import { scratchDir, scratchStore } from '../store/scratch.ts';

const newKey = () => randomBytes(32).toString('base64');
const place = (version = 1, tenant = 'default', credential = 'cred_1') => ({ tenant, credential, version });
const secret: Secret = { username: 'ada', password: 'correct horse' };

/** Puts a sealed secret where the vault has it. */
async function putSecret(store: Awaited<ReturnType<typeof scratchStore>>, key: string, version = 1): Promise<void> {
  const sealed = sealSecret(readMasterKey(key, 'key'), place(version), secret);
  await store.transaction((tx) => tx.put(['credential-secret', 'default', 'cred_1', version], sealed));
}

describe('the envelope', () => {
  test('opens under its key and in its place only', () => {
    const [one, two] = [readMasterKey(newKey(), 'one'), readMasterKey(newKey(), 'two')];
    const sealed = sealSecret(one, place(), secret);
    expect(openSecret(one, place(), sealed)).toEqual(secret);
    expect(() => openSecret(two, place(), sealed)).toThrow('another key');
    for (const other of [place(2), place(1, 'acme'), place(1, 'default', 'cred_2')])
      expect(() => openSecret(one, other, sealed)).toThrow('another key');
    const { username, password } = sealed.fields as { username: string; password: string };
    const swapped = { ...sealed, fields: { username: password, password: username } };
    expect(() => openSecret(one, place(), swapped)).toThrow('another key');
    const again = sealSecret(one, place(), secret);
    expect(again.fields.password).not.toBe(sealed.fields.password);
    expect(() => openSecret(one, place(), { ...sealed, dataKey: again.dataKey })).toThrow('another key');
  });

  test('notices every changed bit, and every cut', () => {
    const key = readMasterKey(newKey(), 'key');
    const sealed = sealSecret(key, place(), { token: 'abc' });
    const changes = (text: string) => {
      const bytes = Buffer.from(text, 'base64');
      const flipped = Array.from({ length: bytes.length * 8 }, (_, bit) => {
        const copy = Buffer.from(bytes);
        copy[bit >> 3]! ^= 1 << (bit & 7);
        return copy;
      });
      return [...flipped, ...bytes.keys().map((length) => bytes.subarray(0, length))].map((b) => b.toString('base64'));
    };
    const broken: SealedSecret[] = [
      ...changes(sealed.dataKey).map((dataKey) => ({ ...sealed, dataKey })),
      ...changes(sealed.fields.token as string).map((token) => ({ ...sealed, fields: { token } })),
    ];
    expect(broken.length).toBeGreaterThan(700);
    for (const one of broken) expect(() => openSecret(key, place(), one)).toThrow('another key');
  });

  test('moves to another master key without its fields being touched', () => {
    const [from, to] = [readMasterKey(newKey(), 'from'), readMasterKey(newKey(), 'to')];
    const sealed = sealSecret(from, place(), secret);
    const moved = rewrapSecret(from, to, place(), sealed);
    expect(moved.fields).toEqual(sealed.fields);
    expect(moved.masterKey).toBe(to.id);
    expect(openSecret(to, place(), moved)).toEqual(secret);
    expect(() => openSecret(from, place(), moved)).toThrow('another key');
    expect(() => rewrapSecret(to, from, place(), sealed)).toThrow('another key');
  });
});

describe('the master key', () => {
  test('is not shown by inspection or JSON, nor by its id', () => {
    const text = newKey();
    const key = readMasterKey(text, 'key');
    for (const shown of [inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key)])
      for (const spelling of [
        text,
        Buffer.from(text, 'base64').toString('hex'),
        Buffer.from(text, 'base64').toString('latin1'),
      ])
        expect(shown).not.toContain(spelling);
    expect(key.id).toMatch(/^[0-9a-f]{16}$/);
    expect(readMasterKey(`${text}\n`, 'key').id).toBe(key.id);
  });

  test.each([
    '',
    'short',
    randomBytes(31).toString('base64'),
    randomBytes(33).toString('base64'),
    `${newKey()} x`,
  ])('is refused unless it is 32 bytes in base64: %j', (text) => {
    const refuse = () => readMasterKey(text, 'CORDON_MASTER_KEY');
    expect(refuse).toThrow('CORDON_MASTER_KEY must hold 32 bytes in base64');
    if (text !== '') expect(refuse).not.toThrow(text);
  });

  test('is made at the first start, mode 0600, and found at the next', async () => {
    const [store, file] = [await scratchStore(), join(scratchDir(), 'master-key')];
    const { id } = await openMasterKey(store, { key: undefined, file });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(Buffer.from(readFileSync(file, 'utf8').trim(), 'base64').length).toBe(32);
    expect((await openMasterKey(store, { key: undefined, file })).id).toBe(id);
  });

  test('that is given is not written anywhere', async () => {
    const [store, dir] = [await scratchStore(), scratchDir()];
    await openMasterKey(store, { key: newKey(), file: join(dir, 'master-key') });
    expect(readdirSync(dir)).toEqual([]);
  });

  test('may be given later as long as there is no secret; then it cannot be replaced, lost or made anew', async () => {
    const [store, file] = [await scratchStore(), join(scratchDir(), 'master-key')];
    await openMasterKey(store, { key: undefined, file });
    const key = newKey();
    await openMasterKey(store, { key, file });
    await putSecret(store, key);
    await expect(openMasterKey(store, { key: newKey(), file })).rejects.toThrow(/CORDON_MASTER_KEY is not the key/);
    await expect(openMasterKey(store, { key: undefined, file })).rejects.toThrow(/is not the key that the stored/);
    rmSync(file);
    await expect(openMasterKey(store, { key: undefined, file })).rejects.toThrow(/is missing/);
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, key, { mode: 0o600 });
    expect((await openMasterKey(store, { key: undefined, file })).id).toBe(readMasterKey(key, 'key').id);
  });

  test('in a file that others may read is refused', async () => {
    const [store, file] = [await scratchStore(), join(scratchDir(), 'master-key')];
    writeFileSync(file, newKey());
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(file, mode);
      await expect(openMasterKey(store, { key: undefined, file })).rejects.toThrow('0600');
    }
    chmodSync(file, 0o600);
    await openMasterKey(store, { key: undefined, file });
  });
});

describe('re-keying', () => {
  /** A data directory with three secrets. */
  async function dataDirWith(key: string | undefined) {
    const path = scratchDir();
    const dataDir = await openDataDir(path);
    const store = await openStore({ dir: dataDir.storeDir, durability: 'process', minimumFreeBytes: 0 });
    const file = join(path, 'master-key');
    await openMasterKey(store, { key, file });
    const text = key ?? readFileSync(file, 'utf8');
    for (const version of [1, 2, 3]) await putSecret(store, text, version);
    await store.close();
    await dataDir.close();
    return { path, file, text };
  }

  /** What a start would find. */
  async function read(path: string, key: string | undefined) {
    const dataDir = await openDataDir(path);
    const store = await openStore({ dir: dataDir.storeDir, durability: 'process', minimumFreeBytes: 0 });
    try {
      const masterKey = await openMasterKey(store, { key, file: join(path, 'master-key') });
      const entries = await store.range<SealedSecret>({ prefix: ['credential-secret'] });
      return entries.map(({ key: at, value }) => openSecret(masterKey, place(at[3] as number), value));
    } finally {
      await store.close();
      await dataDir.close();
    }
  }

  test('with the key in the file makes a new one; the former one opens nothing any more', async () => {
    const { path, file, text } = await dataDirWith(undefined);
    expect(await rekeyDataDir({ dataDir: path, masterKey: undefined, newKey: undefined })).toEqual({
      secrets: 3,
      file,
    });
    expect(readFileSync(file, 'utf8')).not.toBe(text);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(path).filter((name) => name.startsWith('master-key'))).toEqual(['master-key']);
    expect(await read(path, undefined)).toEqual([secret, secret, secret]);
    await expect(read(path, text)).rejects.toThrow('is not the key');
  });

  test('with a given key takes the new one that is named', async () => {
    const [former, next] = [newKey(), newKey()];
    const { path, file } = await dataDirWith(former);
    const rekey = (newer: string | undefined) => rekeyDataDir({ dataDir: path, masterKey: former, newKey: newer });
    await expect(rekey(undefined)).rejects.toThrow('name the file');
    await expect(rekey('nonsense')).rejects.toThrow('32 bytes');
    await expect(rekey(former)).rejects.toThrow('the one that is in use');
    expect(await rekey(`${next}\n`)).toEqual({ secrets: 3, file: undefined });
    expect(existsSync(file)).toBe(false);
    expect(await read(path, next)).toEqual([secret, secret, secret]);
    await expect(rekey(newKey())).rejects.toThrow('is not the key');
  });

  test('that was cut off between store and file is finished by the next start', async () => {
    const { path, file, text } = await dataDirWith(undefined);
    const next = newKey();
    const dataDir = await openDataDir(path);
    const store = await openStore({ dir: dataDir.storeDir, durability: 'process', minimumFreeBytes: 0 });
    writeFileSync(`${file}.next`, next, { mode: 0o600 });
    // Before the store: the former key is still the one.
    expect((await openMasterKey(store, { key: undefined, file })).id).toBe(readMasterKey(text, 'key').id);
    await rewrapAll(store, readMasterKey(text, 'key'), readMasterKey(next, 'key'));
    await store.close();
    await dataDir.close();
    expect(await read(path, undefined)).toEqual([secret, secret, secret]);
    expect(readFileSync(file, 'utf8')).toBe(next);
    expect(existsSync(`${file}.next`)).toBe(false);
  });

  test('of secrets of which one is damaged changes none', async () => {
    const { path, file, text } = await dataDirWith(undefined);
    const dataDir = await openDataDir(path);
    const store = await openStore({ dir: dataDir.storeDir, durability: 'process', minimumFreeBytes: 0 });
    const at = ['credential-secret', 'default', 'cred_1', 2];
    const good = (await store.get<SealedSecret>(at))!.value;
    await store.transaction((tx) => tx.put(at, { ...good, dataKey: 'AAAA' }));
    await store.close();
    await dataDir.close();
    await expect(rekeyDataDir({ dataDir: path, masterKey: undefined, newKey: undefined })).rejects.toThrow('changed');
    expect(readFileSync(file, 'utf8')).toBe(text);
    await expect(read(path, undefined)).rejects.toThrow('another key');
    const again = await openDataDir(path);
    const mended = await openStore({ dir: again.storeDir, durability: 'process', minimumFreeBytes: 0 });
    await mended.transaction((tx) => tx.put(at, good));
    await mended.close();
    await again.close();
    expect(await read(path, undefined)).toEqual([secret, secret, secret]);
  });

  test('is refused for a folder that is none of ours, and for one that is in use', async () => {
    const empty = scratchDir();
    await expect(rekeyDataDir({ dataDir: empty, masterKey: undefined, newKey: undefined })).rejects.toThrow(
      'no data directory',
    );
    expect(readdirSync(empty)).toEqual([]);
    const { path, file, text } = await dataDirWith(undefined);
    const dataDir = await openDataDir(path);
    const ended = command(path, {});
    expect([ended.status, ended.stderr]).toEqual([1, expect.stringMatching(/in use by/)]);
    await dataDir.close();
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  const command = (dataDir: string, env: Record<string, string>, args: string[] = [], input = '') =>
    spawnSync(process.execPath, [join(import.meta.dirname, '../../scripts/rekey.ts'), ...args], {
      env: { PATH: process.env.PATH ?? '', CORDON_DATA: dataDir, ...env },
      encoding: 'utf8',
      input,
      timeout: 60_000,
    });

  test('as a command reads the new key from a file or standard input, and never shows a key', async () => {
    const [former, next] = [newKey(), newKey()];
    const { path } = await dataDirWith(former);
    const ended = command(path, { CORDON_MASTER_KEY: former }, ['-'], `${next}\n`);
    expect([ended.status, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toMatch(/^3 secrets are under the new key\. Set CORDON_MASTER_KEY/);
    expect(ended.stdout).not.toContain(next);
    expect(await read(path, next)).toEqual([secret, secret, secret]);
    const file = join(scratchDir(), 'key');
    writeFileSync(file, former);
    expect(command(path, { CORDON_MASTER_KEY: next }, [file]).status).toBe(0);
    expect(await read(path, former)).toEqual([secret, secret, secret]);
    expect(command(path, { CORDON_MASTER_KEY: former }).stderr).toMatch(/name the file/);
    expect(command(path, {}, ['a', 'b']).status).toBe(2);
  });
});
