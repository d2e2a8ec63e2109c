import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** The rooms from the top down: a file imports from its own room and from lower ones. */
const rooms: string[][] = [
  ['api'],
  ['runtime/runtime.ts', 'runtime/outbound.ts', 'runtime/removal.ts'],
  ['runtime/run'],
  ['runtime/admission', 'runtime/sandbox', 'runtime/usage'],
  ['runtime/egress', 'runtime/connector', 'runtime/permission', 'runtime/vault'],
  ['runtime/agent', 'runtime/workspace', 'runtime/memory', 'runtime/audit'],
  ['runtime/store'],
  [
    'runtime/telemetry',
    'runtime/errors.ts',
    'runtime/ids.ts',
    'runtime/config.ts',
    'runtime/setting-values.ts',
    'runtime/json.ts',
    'runtime/clock.ts',
  ],
];

/** Vocabulary without behaviour: types and tables that lower rooms may name. */
const vocabulary = [
  'runtime/sandbox/driver.ts',
  'runtime/sandbox/limits.ts',
  'runtime/run/record.ts',
  'runtime/connector/connector.ts',
  'runtime/permission/grant.ts',
  'runtime/vault/credential.ts',
];

/** What `api/` may use of the runtime besides `runtime.ts`: words, tables and checks, nothing that holds state. */
const apiMayImport = [
  ...vocabulary,
  'runtime/runtime.ts',
  'runtime/config.ts',
  'runtime/errors.ts',
  'runtime/ids.ts',
  'runtime/json.ts',
  'runtime/clock.ts',
  'runtime/telemetry/',
  'runtime/agent/roles.ts',
  'runtime/agent/quotas.ts',
  'runtime/agent/sandbox-choice.ts',
  'runtime/agent/metadata.ts',
  'runtime/audit/audit.ts',
  'runtime/connector/connector.ts',
  'runtime/permission/approval.ts',
  'runtime/permission/preflight/finding.ts',
  'runtime/workspace/guest-path.ts',
  'runtime/workspace/workspace-error.ts',
];

interface Source {
  path: string;
  text: string;
  imports: { target: string; typeOnly: boolean }[];
}

function sources(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name))
    .filter((path) => /\.(ts|js|mjs)$/.test(path) && statSync(join(root, path)).isFile())
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, imports: importsOf(text) };
    });
}

function importsOf(text: string): Source['imports'] {
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return [...found].map(([, type, from, bare, dynamic]) => ({
    target: (from ?? bare ?? dynamic) as string,
    typeOnly: type !== undefined,
  }));
}

const level = (path: string) =>
  rooms.findIndex((room) => room.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)));
const localTarget = (source: Source, target: string) => relative(root, resolve(root, dirname(source.path), target));

const all = [...sources('api'), ...sources('runtime')];
/** Runs inside isolates: bundled, never imported. */
const guestCode = /^runtime\/sandbox\/isolate\/(guest|source)\//;
const host = all.filter(({ path }) => !guestCode.test(path));

describe('structure', () => {
  it('every file lies in a known room', () => {
    expect(host.filter(({ path }) => level(path) < 0).map(({ path }) => path)).toEqual([]);
  });

  it('imports point downward', () => {
    const upward = host.flatMap((source) =>
      source.imports
        .filter(({ target }) => target.startsWith('.'))
        .map(({ target }) => localTarget(source, target))
        .filter((target) => level(target) >= 0 && level(target) < level(source.path) && !vocabulary.includes(target))
        .map((target) => `${source.path} -> ${target}`),
    );
    expect(upward).toEqual([]);
  });

  it('api/ reaches the core through runtime.ts, and words and tables only', () => {
    const reached = host
      .filter(({ path }) => path.startsWith('api/'))
      .flatMap((source) =>
        source.imports
          .filter(({ target, typeOnly }) => target.startsWith('.') && !typeOnly)
          .map(({ target }) => localTarget(source, target))
          .filter(
            (target) => target.startsWith('runtime/') && !apiMayImport.some((allowed) => target.startsWith(allowed)),
          )
          .map((target) => `${source.path} -> ${target}`),
      );
    expect(reached).toEqual([]);
  });

  it('files import each other without cycles', () => {
    const graph = new Map(
      host.map((source) => [
        source.path,
        source.imports
          .filter(({ target, typeOnly }) => target.startsWith('.') && !typeOnly)
          .map(({ target }) => localTarget(source, target)),
      ]),
    );
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: string[]) => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      else if (!done.has(path)) {
        for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
        done.add(path);
      }
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('each library is imported in exactly one file', () => {
    const byLibrary = new Map<string, Set<string>>();
    for (const source of [...all, ...sources('sandbox-images/build')])
      for (const { target, typeOnly } of source.imports) {
        if (target.startsWith('.') || target.startsWith('node:') || typeOnly) continue;
        const library = target
          .split('/')
          .slice(0, target.startsWith('@') ? 2 : 1)
          .join('/');
        const users = byLibrary.get(library) ?? new Set();
        byLibrary.set(library, users.add(source.path));
      }
    const shared = [...byLibrary]
      .filter(([, users]) => users.size > 1)
      .map(([library, users]) => `${library}: ${[...users].join(', ')}`);
    expect(shared).toEqual([]);
  });

  it('JSON of others is read by parseJson: what V8 has for it gets escaped keys wrong', () => {
    const own = [
      'runtime/json.ts',
      'runtime/config.ts',
      // What Cordon or its operator wrote: manifests, locks, catalog, assets, worker options, probes.
      'runtime/connector/catalog.ts',
      'runtime/store/backup.ts',
      'runtime/store/directory-lock.ts',
      'runtime/run/python-lock.ts',
      'runtime/run/js-packages.ts',
      'runtime/sandbox/container/image-definitions.ts',
      'runtime/sandbox/container/images.ts',
      'runtime/sandbox/isolate/asset-cache.ts',
      'runtime/sandbox/isolate/worker-files.ts',
      'runtime/sandbox/isolate/worker/main.ts',
      'runtime/sandbox/isolate/worker/transformer.ts',
      'runtime/sandbox/isolate/python/files.ts',
      'runtime/sandbox/isolate/python/snapshot.ts',
      'runtime/sandbox/isolate/walls/probe.ts',
      'runtime/sandbox/isolate/walls/probe-inside.ts',
    ];
    const direct = host.filter(({ text }) => /\bJSON\.parse\b/.test(text)).map(({ path }) => path);
    expect(direct.filter((path) => !own.includes(path))).toEqual([]);
  });

  it('no file is over 300 lines', () => {
    const long = [...all, ...sources('sandbox-images'), ...sources('test'), ...sources('bench'), ...sources('scripts')]
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });

  it('no file is a dump', () => {
    const dumps = all
      .filter(({ path }) => /(^|\/)(utils?|helpers?|common|types|misc)(\.ts|\/)/.test(path))
      .map(({ path }) => path);
    expect(dumps).toEqual([]);
  });
});
