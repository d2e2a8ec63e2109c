/** Sized workspaces on this machine, and a guest: another user, whose programs run where the files are bound. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, onTestFinished } from 'vitest';
import type { Amount } from '../../../runtime/workspace/allowance.ts';
import { readMounts } from '../../../runtime/workspace/sized/mounts.ts';
import { probeMounting } from '../../../runtime/workspace/sized/probe.ts';
import { openSlots } from '../../../runtime/workspace/sized/slots.ts';
import { createWorkspaces, type WorkspacesOptions } from '../../../runtime/workspace/workspace.ts';
import { owner } from '../scratch.ts';

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const quota: Amount = { bytes: 64 * MiB, files: 1000 };
export const growth: Amount = { bytes: 16 * MiB, files: 100 };
export const GUEST = 10001;

/** Skips the tests of a file where the machine cannot mount, saying why. */
export function needsMounts(): void {
  let why: string | undefined;
  let asked = false;
  beforeEach(async (context) => {
    if (!asked) {
      const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-probe-')));
      why = await probeMounting(folder);
      rmdirSync(folder);
    }
    asked = true;
    if (why !== undefined) context.skip(why);
  });
}

const run = promisify(execFile);
const asGuest = ['--reuid', `${GUEST}`, '--regid', `${GUEST}`, '--clear-groups', 'bash', '-c'];

export interface Ran {
  code: number;
  said: string;
}

export async function sized(options: Partial<WorkspacesOptions> = {}) {
  const base = options.root ?? realpathSync(mkdtempSync(join(tmpdir(), 'cordon-sized-')));
  const root = join(base, 'root');
  const slots = await openSlots(join(base, 'slots'));
  const opened: { close(): Promise<void> }[] = [];
  let count = 0;
  /** A service of its own on the same folder, as after a restart. */
  const start = () => {
    const workspaces = createWorkspaces({ ...options, root });
    opened.push(workspaces);
    return workspaces;
  };
  const workspaces = start();
  onTestFinished(async () => {
    for (const each of opened) await each.close();
    await slots.close();
    const left = readMounts().filter(({ point }) => point.startsWith(`${base}/`));
    expect(left).toEqual([]);
    for (const name of readdirSync(base)) rmSync(join(base, name), { recursive: true, force: true });
    if (options.root === undefined) rmdirSync(base);
  });
  const slot = () => {
    const path = `${slots.path}/${count++}`;
    mkdirSync(path);
    return path;
  };
  const attach = async (room: { growth?: Amount; quota?: Amount } = {}, by = workspaces) => {
    const path = slot();
    const attachment = await by.attach(owner, path, { growth, quota, ...room });
    return { ...attachment, path };
  };
  return {
    base,
    root,
    slots,
    workspaces,
    workspace: await workspaces.open(owner),
    home: join(root, owner.tenant, owner.agent),
    start,
    slot,
    attach,
  };
}

/** Runs a shell program as the guest, in a folder; what it says on both streams. */
export async function guest(folder: string, program: string): Promise<Ran> {
  try {
    const { stdout, stderr } = await run('setpriv', [...asGuest, program], { cwd: folder });
    return { code: 0, said: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, said: stdout + stderr };
  }
}

export const sh = (program: string, cwd: string) => execFileSync('bash', ['-c', program], { cwd }).toString();

/** What programs may still write there. */
export function free(folder: string): Amount {
  const { bavail, bsize, ffree } = statfsSync(folder);
  return { bytes: bavail * bsize, files: ffree };
}
