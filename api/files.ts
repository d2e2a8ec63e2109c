import { Readable } from 'node:stream';
import { isoTime } from '../runtime/clock.ts';
import { CordonError, fieldError, notFound } from '../runtime/errors.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { FileStat } from '../runtime/workspace/file-stat.ts';
import { parseGuestPath } from '../runtime/workspace/guest-path.ts';
import type { Workspace } from '../runtime/workspace/workspace.ts';
import { WorkspaceError } from '../runtime/workspace/workspace-error.ts';
import { requireAgent } from './agents.ts';
import { type Answer, json, noContent } from './answer.ts';
import { bodyChunks } from './body.ts';
import { allowsWrite, callerHas, matchesStrongly, readConditions, readRange } from './conditions.ts';
import { timestamp } from './fields.ts';
import { z } from './http.ts';
import { problemAnswer } from './problem.ts';
import type { AddRoute, Call } from './route.ts';

const entry = z
  .object({ path: z.string(), type: z.enum(['file', 'directory']), bytes: z.number().int(), modifiedAt: timestamp })
  .openapi('FileEntry');
const listing = z.object({ items: z.array(entry) });
const conditionHeaders = {
  'If-Match': 'Only when the file has this ETag',
  'If-None-Match': '`*`: only when there is nothing',
};

export function addFileRoutes(add: AddRoute, runtime: Runtime): void {
  const { config } = runtime;
  async function open(
    tenant: string,
    id: string,
  ): Promise<{ workspace: Workspace; quota: { bytes: number; files: number } }> {
    const { workspaceBytes: bytes, workspaceFiles: files } = (await requireAgent(runtime, tenant, id)).quotas;
    return { workspace: await runtime.workspace({ tenant, agent: id }), quota: { bytes, files } };
  }

  add(
    {
      name: 'GET /v1/agents/{id}/files',
      tag: 'files',
      summary: 'What lies at the root of the workspace',
      responses: { 200: { description: 'Entries by name', schema: listing } },
      aliases: ['/v1/agents/:id/files/'],
    },
    ({ tenant, params }) => located(async () => listDirectory((await open(tenant, params.id)).workspace, '.')),
  );

  add(
    {
      name: 'GET /v1/agents/{id}/files/{path}',
      tag: 'files',
      summary: 'The bytes of a file, or the entries of a directory',
      headers: {
        Range: 'One range of bytes',
        'If-None-Match': 'Answers 304 when the ETag is still this one',
        'If-Range': 'As RFC 9110',
      },
      responses: {
        200: {
          description: 'The file, or the entries of a directory',
          mediaType: 'application/octet-stream',
          also: { 'application/json': listing },
        },
        206: { description: 'A part of the file', mediaType: 'application/octet-stream' },
        304: { description: 'Not changed' },
      },
    },
    (call) =>
      located(async () => {
        const { workspace } = await open(call.tenant, call.params.id);
        const { path } = call.params;
        if ((await workspace.stat(path)).type === 'directory') return listDirectory(workspace, path);
        return readFile(workspace, call);
      }),
  );

  add(
    {
      name: 'PUT /v1/agents/{id}/files/{path}',
      tag: 'files',
      summary: 'Write a whole file',
      description: 'Atomic and flushed: readers see the old or the new bytes. Missing directories are made.',
      headers: conditionHeaders,
      body: 'raw',
      responses: { 200: { description: 'Replaced', schema: entry }, 201: { description: 'Created', schema: entry } },
    },
    (call) =>
      located(async () => {
        const { path } = call.params;
        const conditions = readConditions(call.header);
        // RFC 9110, section 14.5: taken for the whole, a part would replace the file.
        if (call.header('content-range') !== null)
          throw fieldError('content-range', 'a file is written whole, not in parts');
        const { workspace, quota } = await open(call.tenant, call.params.id);
        const source = bodyChunks(call.request, config.fileBytes, 'body');
        const { stat, created } = await workspace.write(path, source, {
          quota,
          parents: true,
          maxBytes: config.fileBytes,
          condition: (now) => {
            if (!allowsWrite(conditions, now?.etag)) throw mismatch();
          },
        });
        const place = relative(path);
        const location = `/v1/agents/${call.params.id}/files/${place.split('/').map(encodeURIComponent).join('/')}`;
        return json(shown(place, stat), created ? 201 : 200, { etag: stat.etag, ...(created && { location }) });
      }, 'conflict'),
  );

  add(
    {
      name: 'DELETE /v1/agents/{id}/files/{path}',
      tag: 'files',
      summary: 'Remove a file, or a directory with all below it',
      query: z.strictObject({
        recursive: z.enum(['true', 'false']).optional().openapi({ description: '`true` removes directories' }),
      }),
      headers: { 'If-Match': conditionHeaders['If-Match'] },
      responses: { 204: { description: 'It is gone' } },
    },
    ({ tenant, params, query, header }) =>
      located(async () => {
        const conditions = readConditions(header);
        const { workspace, quota } = await open(tenant, params.id);
        const recursive = query.recursive === 'true';
        const condition = (now: FileStat) => {
          if (!matchesStrongly(conditions, now.etag)) throw mismatch();
          if (now.type === 'directory' && !recursive)
            throw new CordonError('conflict', 'This is a directory: ?recursive=true removes it with all below it');
        };
        // Refuses what is no file of the guest's, as a read does: removing takes links and sockets, too.
        condition(await workspace.stat(params.path));
        await workspace.remove(params.path, { recursive, quota, condition });
        return noContent();
      }),
  );
}

async function listDirectory(workspace: Workspace, path: string): Promise<Answer> {
  const { parts } = parseGuestPath(path, 'scandir');
  const items = await workspace.list(path);
  return json({ items: items.map((item) => shown([...parts, item.path].join('/'), item)) });
}

async function readFile(
  workspace: Workspace,
  { params: { path }, requestId, request, header }: Call<'GET /v1/agents/{id}/files/{path}'>,
): Promise<Answer> {
  const conditions = readConditions(header);
  const file = await workspace.open(path);
  try {
    const { etag, bytes, modifiedAtMs } = file.stat;
    const headers: Record<string, string> = { etag, 'cache-control': 'private, no-cache', 'accept-ranges': 'bytes' };
    if (!matchesStrongly(conditions, etag)) throw mismatch();
    if (callerHas(conditions, etag)) {
      file.close();
      return { status: 304, headers, body: null };
    }
    const ifRange = header('if-range');
    // RFC 9110, section 14.2: only GET has ranges, HEAD has none.
    const mayBePart = request.method === 'GET' && (ifRange === null || ifRange === etag);
    const range = mayBePart ? readRange(header('range'), bytes) : 'all';
    if (range === 'unsatisfiable') {
      file.close();
      const error = new CordonError('range_not_satisfiable', `The file has ${bytes} bytes`);
      return problemAnswer(error, requestId, { 'content-range': `bytes */${bytes}` });
    }
    const part = range === 'all' ? { offset: 0, length: bytes } : range;
    Object.assign(headers, fileHeaders(path), {
      'content-length': String(part.length),
      'last-modified': new Date(modifiedAtMs).toUTCString(),
    });
    if (range !== 'all') headers['content-range'] = `bytes ${part.offset}-${part.offset + part.length - 1}/${bytes}`;
    const status = range === 'all' ? 200 : 206;
    if (part.length > 0)
      return { status, headers, body: Readable.toWeb(file.stream(part)) as ReadableStream<Uint8Array> };
    file.close();
    return { status, headers, body: '' };
  } catch (error) {
    file.close();
    throw error;
  }
}

const TEXT =
  /\.(txt|text|md|log|csv|tsv|json|jsonl|ya?ml|toml|ini|xml|html?|css|svg|m?[jt]sx?|py|sh|sql|rs|go|java|c|h|rb)$/i;

/** Guests write these files: a browser may show text as text, and runs or renders nothing. */
function fileHeaders(path: string): Record<string, string> {
  const policy = { 'content-security-policy': "default-src 'none'; sandbox" };
  if (/\.json$/i.test(path)) return { ...policy, 'content-type': 'application/json' };
  if (TEXT.test(path)) return { ...policy, 'content-type': 'text/plain; charset=utf-8' };
  // Of what encodeURIComponent leaves, RFC 8187 (attr-char) forbids these.
  const name = encodeURIComponent(path.split('/').at(-1) ?? '').replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return {
    ...policy,
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename*=UTF-8''${name}`,
  };
}

const shown = (path: string, { type, bytes, modifiedAtMs }: FileStat) => ({
  path,
  type,
  bytes,
  modifiedAt: isoTime(modifiedAtMs),
});
const relative = (path: string) => parseGuestPath(path, 'open').parts.join('/');
const mismatch = () => new CordonError('revision_mismatch', 'The file is not as the condition says');

/**
 * Says a workspace's error in the words of the API. Paths in them are the guest's. A path below a file names nothing,
 * which only what would have to make it calls a conflict.
 */
async function located(work: () => Promise<Answer>, belowFile: 'absent' | 'conflict' = 'absent'): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WorkspaceError)) throw error;
    const { code, message } = error;
    if (code === 'ENOENT' || (code === 'ENOTDIR' && belowFile === 'absent')) throw notFound('the file');
    if (code === 'EINVAL' || code === 'EACCES' || code === 'ENAMETOOLONG') throw fieldError('path', message);
    throw new CordonError(code === 'ENOSPC' ? 'quota_exceeded' : 'conflict', message);
  }
}
