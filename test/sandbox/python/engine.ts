/** The engine of Python in this process, as a worker has it: runs, and which interpreter each of them got. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Isolate } from 'isolated-vm';
import { createFileLocks } from '../../../runtime/run/file-locks.ts';
import { createGuestFiles } from '../../../runtime/run/guest-files.ts';
import { cachedAssets, installationCache } from '../../../runtime/sandbox/isolate/asset-cache.ts';
import { pythonFiles } from '../../../runtime/sandbox/isolate/python/files.ts';
import { pythonSnapshot } from '../../../runtime/sandbox/isolate/python/snapshot.ts';
import { prepareWalls } from '../../../runtime/sandbox/isolate/walls/walls.ts';
import type { Ivm } from '../../../runtime/sandbox/isolate/worker/isolated-vm.ts';
import { createPython } from '../../../runtime/sandbox/isolate/worker/python.ts';
import type { GuestBridge } from '../../../runtime/sandbox/isolate/worker/sandbox.ts';
import { workerFiles } from '../../../runtime/sandbox/isolate/worker-files.ts';
import { defaultLimits, type Limits } from '../../../runtime/sandbox/limits.ts';
import { createWorkspaces } from '../../../runtime/workspace/workspace.ts';

const MiB = 1024 * 1024;
/** There are no packages, no memory, no network. */
const nothingElse = { name: 'Error', message: 'No such module', code: 'ERR_MODULE_NOT_FOUND' };
const owner = { tenant: 'default', agent: 'one' };

export interface EngineRun {
  end: { status: string; result?: any; error?: { name: string; message: string; limit?: string } };
  isolate: Isolate;
}

export async function startEngine() {
  const base = mkdtempSync(join(tmpdir(), 'cordon-engine-'));
  const texts = await cachedAssets();
  const assets = { get: (name: string) => String(texts.get(name) ?? '') };
  await layFiles(assets.get('python.js'));
  const ivm = createRequire(import.meta.url)('isolated-vm') as Ivm;
  const engine = createPython(ivm, assets, join(base, 'python'), { stock: 1 });
  await engine.open();
  const workspace = await createWorkspaces({ root: join(base, 'workspaces') }).open(owner);
  const locks = createFileLocks();

  /** The files that a worker's jail folder has of Python; the snapshot is made first where none is kept. */
  async function layFiles(script: string): Promise<void> {
    const { files, fingerprint } = pythonFiles(script);
    const worker = workerFiles(texts, {
      stock: 1,
      pythonStock: 1,
      ramBytes: defaultLimits.ramBytes,
      limits: defaultLimits,
    });
    const walls = await prepareWalls({ files: worker.files, entry: worker.entry });
    await walls.add(files);
    const { heap, code, state } = await pythonSnapshot(walls, fingerprint, [installationCache]);
    await walls.close();
    const made = [
      ['python/snapshot.heap', { from: heap }],
      ['python/snapshot.code', { from: code }],
      ['python/snapshot.json', state],
    ] as const;
    for (const [path, content] of [...files, ...made]) {
      const target = join(base, path);
      mkdirSync(dirname(target), { recursive: true });
      if (typeof content === 'string' || content instanceof Uint8Array) writeFileSync(target, content);
      else symlinkSync(content.from, target);
    }
  }

  const filesOf = (limits: Limits) =>
    createGuestFiles({ workspace, locks: locks.open(owner), limits, quota: { bytes: 100 * MiB, files: 1000 } });

  function bridgeOf(limits: Limits): GuestBridge & { close(): Promise<void> } {
    const files = filesOf(limits);
    return {
      post() {},
      crossed() {},
      catastrophe() {},
      async ask(json, bytes) {
        const { op, args } = JSON.parse(json);
        if (op === 'sleep') return { json: '{"ok":true}' };
        // A response whose body never ends.
        if (op === 'fetch') return { json: '{"ok":true,"value":{"status":200,"headers":[],"body":1}}' };
        if (op.startsWith('fetch.')) return { json: '{"ok":true,"value":{"done":false}}', bytes: new ArrayBuffer(9) };
        if (!op.startsWith('fs.')) return { json: JSON.stringify({ ok: false, error: nothingElse }) };
        const reply = await files.call({ op, args, ...(bytes ? { bytes: new Uint8Array(bytes) } : {}) });
        if (!reply.ok || !reply.bytes) return { json: JSON.stringify(reply) };
        const { bytes: content, ...rest } = reply;
        return { json: JSON.stringify(rest), bytes: content.slice().buffer as ArrayBuffer };
      },
      close: () => files.flush(),
    };
  }

  return {
    /** One run to its end; `clean` as the worker calls it: nothing threw out of the interpreter. */
    async run(code: string, some: Partial<Limits> = {}): Promise<EngineRun> {
      const limits = { ...defaultLimits, ...some };
      const sandbox = await engine.take(limits.ramBytes);
      const bridge = bridgeOf(limits);
      sandbox.bind(bridge);
      const { isolate } = sandbox;
      try {
        const end = JSON.parse(
          String(await sandbox.start(JSON.stringify({ path: '/workspace/main.py', code, limits }))),
        );
        await bridge.close();
        sandbox.retire(true);
        return { end, isolate };
      } catch (error) {
        sandbox.retire(false);
        const { name, message } = error as Error;
        return { end: { status: 'failed', error: { name, message } }, isolate };
      }
    },
    /** Changes a file of the workspace, as another run or the service's interface does. */
    async write(path: string, text: string): Promise<void> {
      const files = filesOf(defaultLimits);
      const reply = await files.call({ op: 'fs.writeFile', args: { path, flag: 'w' }, bytes: Buffer.from(text) });
      if (!reply.ok) throw new Error(reply.error.message);
      await files.flush();
    },
    /** No interpreter is being made or rewound. */
    steady: () => engine.steady(),
    close: () => rmSync(base, { recursive: true, force: true }),
  };
}
