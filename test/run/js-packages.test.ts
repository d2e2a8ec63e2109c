/** Packages of the operator: found by name as Node.js finds them, and nothing outside of their folder is reachable. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createJsPackages } from '../../runtime/run/js-packages.ts';

const base = mkdtempSync(join(tmpdir(), 'cordon-packages-'));
const folder = join(base, 'packages');
const packages = createJsPackages(folder);

function write(path: string, text: string): void {
  mkdirSync(dirname(join(base, path)), { recursive: true });
  writeFileSync(join(base, path), text);
}

/** A package; each file's text is its own path below the folder, so that a test sees which one it got. */
function place(root: string, manifest: object | string, ...files: string[]): void {
  write(`packages/${root}/package.json`, typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  for (const file of files) write(`packages/${root}/${file}`, `${root}/${file}`);
}

/** The path below /packages that a guest gets, or the code of the error. */
async function load(specifier: unknown, from = packages): Promise<string> {
  const reply = await from.load({ specifier, referrer: '/workspace/main.js' });
  if (!reply.ok) {
    expect(reply.error.name).toBe('Error');
    return reply.error.code ?? '';
  }
  const { path } = reply.value as { path: string };
  const text = Buffer.from(reply.bytes ?? []).toString();
  if (!path.endsWith('package.json')) expect(`/packages/${text}`).toBe(path);
  return path;
}

const MISSING = 'ERR_MODULE_NOT_FOUND';

beforeAll(() => {
  write('secret.js', 'secret');
  write('outside/package.json', '{"main":"index.js"}');
  write('outside/index.js', 'secret');
  place('plain', {}, 'index.js', 'lib/part.js', 'lib/deep/index.mjs', 'data.json', 'typed.ts');
  place('with-main', { main: './lib/main' }, 'lib/main.cjs');
  place('with-module', { main: 'main.js', module: 'module.mjs' }, 'main.js', 'module.mjs');
  place('node_modules/installed', { main: 'index.js' }, 'index.js');
  place('@scope/name', { main: 'a.js' }, 'a.js', 'sub/b.js');
  place('text-exports', { exports: './only.js' }, 'only.js', 'hidden.js');
  place('conditions', { exports: { require: './r.cjs', import: './i.mjs', default: './d.js' } }, 'r.cjs', 'i.mjs');
  place('nested', { exports: { '.': { node: './n.js', default: { import: './i.js' } } } }, 'n.js', 'i.js');
  place('listed', { exports: { '.': [{ unknown: './x.js' }, './second.js'] } }, 'second.js');
  place(
    'patterns',
    { exports: { '.': './i.js', './features/*': './src/*.js', './icons/*.svg.js': './icons/*/icon.js' } },
    'i.js',
    'src/a.js',
    'src/deep/b.js',
    'icons/home/icon.js',
  );
  place('private', { exports: { './*': './*.js', './internal/*': null } }, 'open.js', 'internal/key.js');
  place('specific', { exports: { './*': './any/*.js', './in/*': './in/*.js' } }, 'any/in/a.js', 'in/a.js');
  place('ordered', { exports: { default: './d.js', import: './i.js' } }, 'd.js', 'i.js');
  place('leaves-exports', { exports: { '.': '../../secret.js', './*': '../../*' } });
  place('leaves-main', { main: '../../secret.js' });
  place('broken', '{"main":');
  place('strange', { main: { a: 1 } }, 'index.js');
  place('strange-exports', { exports: { '.': 5 } }, 'index.js');
  place('linked', { main: 'index.js' });
  symlinkSync(join(base, 'secret.js'), join(folder, 'linked/index.js'));
  symlinkSync(join(folder, 'plain/index.js'), join(folder, 'linked/inside.js'));
  symlinkSync(join(base, 'outside'), join(folder, 'linked-folder'));
  symlinkSync('loop.js', join(folder, 'linked/loop.js'));
  place('large', { main: 'index.js' });
  write('packages/large/index.js', 'x'.repeat(8 * 1024 * 1024 + 1));
  // A sibling whose name begins as the folder's does.
  write('packages-secret/index.js', 'secret');
});

afterAll(() => rmSync(base, { recursive: true }));

describe('found by name', () => {
  test.each([
    ['plain', '/packages/plain/index.js'],
    ['plain/lib/part.js', '/packages/plain/lib/part.js'],
    ['plain/lib/part', '/packages/plain/lib/part.js'],
    ['plain/lib/deep', '/packages/plain/lib/deep/index.mjs'],
    ['plain/data.json', '/packages/plain/data.json'],
    ['plain/typed', '/packages/plain/typed.ts'],
    ['with-main', '/packages/with-main/lib/main.cjs'],
    ['with-module', '/packages/with-module/module.mjs'],
    ['installed', '/packages/node_modules/installed/index.js'],
    ['@scope/name', '/packages/@scope/name/a.js'],
    ['@scope/name/sub/b', '/packages/@scope/name/sub/b.js'],
    ['/packages/plain/lib/part', '/packages/plain/lib/part.js'],
    ['/packages/plain/lib/../index.js', '/packages/plain/index.js'],
    ['linked/inside.js', '/packages/plain/index.js'],
  ])('%s is %s', async (specifier, path) => {
    expect(await load(specifier)).toBe(path);
  });
});

describe('exports', () => {
  test.each([
    ['text', 'text-exports', '/packages/text-exports/only.js'],
    ['a condition before the default', 'conditions', '/packages/conditions/i.mjs'],
    ['nested conditions', 'nested', '/packages/nested/i.js'],
    ['the first of a list that fits', 'listed', '/packages/listed/second.js'],
    ['a pattern', 'patterns/features/a', '/packages/patterns/src/a.js'],
    ['a pattern over folders', 'patterns/features/deep/b', '/packages/patterns/src/deep/b.js'],
    ['a pattern with an end', 'patterns/icons/home.svg.js', '/packages/patterns/icons/home/icon.js'],
    ['a pattern of everything', 'private/open', '/packages/private/open.js'],
  ])('%s', async (_, specifier, path) => {
    expect(await load(specifier)).toBe(path);
  });

  test.each([
    ['a file that is not exported', 'text-exports/hidden.js'],
    ['a subpath that is not exported', 'patterns/src/a.js'],
    ['a target that does not exist', 'patterns/features/none'],
    ['a target that is no text', 'strange-exports'],
    ['a subpath only, without a main entry', 'private'],
  ])('%s is not found', async (_, specifier) => {
    expect(await load(specifier)).toBe(MISSING);
  });

  // Node.js, "Package entry points": null excludes what a wider pattern takes in.
  test('a pattern with the target null hides what it matches', async () => {
    expect(await load('private/internal/key')).toBe(MISSING);
  });

  // Node.js, "Resolution algorithm", PATTERN_KEY_COMPARE: the longest text before the star wins, not the first.
  test('the most specific pattern wins', async () => {
    expect(await load('specific/in/a')).toBe('/packages/specific/in/a.js');
  });

  // Node.js, "Conditional exports": the order of the object's keys decides.
  test('the first condition in the order of the manifest wins', async () => {
    expect(await load('ordered')).toBe('/packages/ordered/d.js');
  });
});

describe('nothing outside of the folder', () => {
  test.each([
    ['..'],
    ['.'],
    ['../secret.js'],
    ['./plain'],
    ['plain/../../secret.js'],
    ['plain/..'],
    ['plain/lib/../index.js'],
    ['patterns/features/../../../../secret'],
    ['@scope/../../secret.js'],
    ['@../secret.js'],
    ['@scope'],
    ['%2e%2e/secret.js'],
    ['plain/%2e%2e/%2e%2e/secret.js'],
    ['plain\\..\\..\\secret.js'],
    ['/packages/../secret.js'],
    ['/packages/../packages-secret/index.js'],
    ['/packages/plain/../../../secret.js'],
    ['/packages//etc/hostname'],
    ['/etc/hostname'],
    [`${base}/secret.js`],
    [`/packages/${base}/secret.js`],
    ['/packages/plain/index.js\0.json'],
    ['plain\0'],
    ['file:///etc/hostname'],
    ['leaves-exports'],
    ['leaves-exports/secret.js'],
    ['leaves-main'],
    ['linked'],
    ['linked/index.js'],
    ['/packages/linked/index.js'],
    ['linked-folder'],
    ['linked-folder/index.js'],
    ['/packages/linked-folder/index.js'],
    ['linked/loop.js'],
  ])('%j is not found', async (specifier) => {
    expect(await load(specifier)).toBe(MISSING);
  });
});

describe('what is missing or broken', () => {
  test.each([
    ['a name that nobody has', 'nobody'],
    ['a file that is not there', 'plain/none.js'],
    ['a folder without an index', 'plain/lib'],
    ['a broken manifest', 'broken'],
    ['a main that is no text', 'strange'],
    ['a file above 8 MiB', 'large'],
    ['an empty name', ''],
    ['the folder itself', '/packages/'],
    ['a name of a megabyte', 'x'.repeat(1024 * 1024)],
    ['no text', 5],
    ['nothing', undefined],
  ])('%s is not found', async (_, specifier) => {
    expect(await load(specifier)).toBe(MISSING);
  });

  test.each([[undefined], [null], [5], ['plain'], [[]]])('arguments of %j are refused', async (args) => {
    expect(await packages.load(args)).toMatchObject({ ok: false, error: { code: MISSING } });
  });

  test('without a folder, or with one that does not exist, nothing is found and the answer says that alone', async () => {
    expect(await load('plain', createJsPackages(join(base, 'none')))).toBe(MISSING);
    const reply = await createJsPackages(undefined).load({ specifier: 'plain' });
    expect(reply).toMatchObject({ ok: false, error: { code: MISSING } });
    // What there is says the guest's own side, which knows it.
    expect(reply.ok || reply.error.message).toBe("Cannot find package 'plain'");
  });

  test('the path of an error never names the folder on this machine', async () => {
    for (const specifier of ['nobody', 'linked', '/packages/none.js', 'broken'])
      expect(JSON.stringify(await packages.load({ specifier }))).not.toContain(base);
  });

  test('a package that is placed later is found without a restart', async () => {
    expect(await load('late')).toBe(MISSING);
    place('late', {}, 'index.js');
    expect(await load('late')).toBe('/packages/late/index.js');
  });
});
