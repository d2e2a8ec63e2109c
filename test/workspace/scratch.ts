import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createWorkspaces, type Workspace, type Workspaces } from '../../runtime/workspace/workspace.ts';

export interface Scratch {
  workspaces: Workspaces;
  workspace: Workspace;
  root: string;
  /** Host path of the agent's files, for what an attacker plants there. */
  files: string;
  incoming: string;
  /** A host folder outside of the workspaces, with the canary in it. */
  outside: string;
}

export const owner = { tenant: 'default', agent: 'agent-a' };
export const MiB = 1024 * 1024;
export const quota = { bytes: 64 * MiB, files: 1000 };

/** Real folders in the temporary directory, removed after the test. */
export async function scratch(options: { descriptors?: boolean } = {}): Promise<Scratch> {
  const base = mkdtempSync(join(tmpdir(), 'cordon-workspace-'));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const root = join(base, 'root');
  const workspaces = createWorkspaces({ root, ...options });
  const workspace = await workspaces.open(owner);
  const home = join(root, owner.tenant, owner.agent);
  return { workspaces, workspace, root, files: join(home, 'files'), incoming: join(home, 'incoming'), outside: base };
}

export async function text(workspace: Workspace, path: string): Promise<string> {
  const file = await workspace.open(path);
  try {
    return Buffer.from(await file.read()).toString();
  } finally {
    file.close();
  }
}

export const bytes = (value: string | number): Uint8Array =>
  typeof value === 'string' ? Buffer.from(value) : new Uint8Array(value).fill(120);

/** Code of the error that a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

export async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return (error as Error).message;
  }
}
