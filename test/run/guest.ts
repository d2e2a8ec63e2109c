/** The file calls of one run on a workspace of its own. */
import type { Json } from '../../runtime/json.ts';
import { createGuestFiles, type GuestFilesOptions } from '../../runtime/run/guest-files.ts';
import type { HostReply } from '../../runtime/sandbox/driver.ts';
import { bytes, MiB, scratch } from '../workspace/scratch.ts';

export async function guest(options: Partial<GuestFilesOptions> = {}) {
  const s = await scratch();
  const faults: unknown[] = [];
  const files = createGuestFiles({
    workspace: s.workspace,
    limits: { workspaceBytes: 10_000, files: 10 },
    quota: { bytes: 64 * MiB, files: 1000 },
    onFault: (error) => faults.push(error),
    ...options,
  });
  const ask = (op: string, args: Json, body?: Uint8Array): Promise<HostReply> =>
    files.call({ op: `fs.${op}`, args, ...(body === undefined ? {} : { bytes: body }) });
  const write = (path: string, content: string | number, flag = 'w') =>
    ask('writeFile', { path, flag }, bytes(content));
  return { ...s, hostFiles: s.files, files, ask, write, faults };
}

export const failed = (reply: HostReply) =>
  reply.ok ? 'no error' : `${reply.error.name} ${reply.error.code} ${reply.error.limit}`;
