/** Google Drive's API, version 3, as its reference demands it: bearer token, JSON, multipart/related for uploads. */
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import {
  Fault,
  jsonObject,
  mediaType,
  multipartParts,
  type ServiceStandIn,
  serviceStandIn,
  type Target,
} from './service.ts';

interface DriveFile {
  id: string;
  name: string;
  mimeType: string;
  parents: string[];
  trashed: boolean;
  content: Buffer;
}

export interface DriveStandIn extends ServiceStandIn {
  files: Map<string, DriveFile>;
  /** Who was given what, by file. */
  permissions: Map<string, { id: string; type: string; role: string; emailAddress?: string }[]>;
}

const documentType = 'application/vnd.google-apps.document';
const exports = ['text/plain', 'application/pdf', 'text/html'];
const permissionTypes = ['user', 'group', 'domain', 'anyone'];
const permissionRoles = ['owner', 'organizer', 'fileOrganizer', 'writer', 'commenter', 'reader'];

export function driveStandIn({ token }: { token: string }): DriveStandIn {
  const files: DriveStandIn['files'] = new Map();
  const permissions: DriveStandIn['permissions'] = new Map();
  let count = 0;

  const service = serviceStandIn(['www.googleapis.com'], (request, target) => {
    const { authorization } = request.headers;
    if (authorization !== `Bearer ${token}`) throw failed(401, 'Invalid Credentials', 'authError');
    const [first, , , , ...more] = target.segments;
    if (target.pathname.startsWith('/upload/drive/v3/files')) return uploaded(request, target);
    if (!target.pathname.startsWith('/drive/v3/')) throw failed(404, `no path ${target.pathname}`, 'notFound');
    if (target.segments[2] === 'about') return about(request, target);
    if (first !== 'drive' || target.segments[2] !== 'files')
      throw failed(404, `no path ${target.pathname}`, 'notFound');
    const id = target.segments[3];
    if (id === undefined) return all(request, target);
    return one(request, target, fileOf(id), more);
  });

  function about(request: SeenRequest, { query }: Target): StandInAnswer {
    if (request.method !== 'GET') throw failed(404, 'method', 'notFound');
    if (!query.get('fields')) throw failed(400, "The 'fields' parameter is required for this method.", 'required');
    return { body: { kind: 'drive#about', user: { kind: 'drive#user', displayName: 'Reader', me: true } } };
  }

  function all(request: SeenRequest, { query }: Target): StandInAnswer {
    if (request.method === 'POST') return { body: shown(create(metadataOf(request))) };
    if (request.method !== 'GET') throw failed(404, 'method', 'notFound');
    const size = Number(query.get('pageSize') ?? 100);
    if (!Number.isInteger(size) || size < 1 || size > 1000) throw failed(400, 'Invalid pageSize', 'invalidParameter');
    const parent = query.get('q')?.match(/^'([^']+)' in parents$/)?.[1];
    if (query.has('q') && parent === undefined) throw failed(400, 'Invalid Value', 'invalid');
    const from = Number(query.get('pageToken') ?? 0);
    const found = [...files.values()].filter((file) => parent === undefined || file.parents.includes(parent));
    const next = from + size < found.length ? { nextPageToken: String(from + size) } : {};
    return {
      body: {
        kind: 'drive#fileList',
        incompleteSearch: false,
        files: found.slice(from, from + size).map(shown),
        ...next,
      },
    };
  }

  function one(request: SeenRequest, { query }: Target, file: DriveFile, more: string[]): StandInAnswer {
    const route = [request.method, ...more].join(' ');
    if (route === 'GET') {
      if (query.get('alt') !== 'media') return { body: shown(file) };
      if (file.mimeType === documentType)
        throw failed(403, 'Only files with binary content can be downloaded.', 'fileNotDownloadable');
      return { headers: { 'content-type': file.mimeType }, body: file.content };
    }
    if (route === 'GET export') return exported(file, query.get('mimeType'));
    if (route === 'PATCH') {
      const change = metadataOf(request);
      const { name, trashed, mimeType } = change;
      if (change.parents !== undefined)
        throw failed(
          403,
          'The parents field is not directly writable in update requests. Use the addParents and removeParents parameters instead.',
          'fieldNotWritable',
        );
      Object.assign(
        file,
        name === undefined ? {} : { name },
        trashed === undefined ? {} : { trashed },
        mimeType === undefined ? {} : { mimeType },
      );
      file.parents = [
        ...file.parents.filter((id) => !list(query, 'removeParents').includes(id)),
        ...list(query, 'addParents'),
      ];
      return { body: shown(file) };
    }
    if (route === 'DELETE') {
      files.delete(file.id);
      return { status: 204 };
    }
    if (route === 'POST copy') return { body: shown(create({ ...file, ...metadataOf(request) }, file.content)) };
    if (route === 'GET permissions')
      return { body: { kind: 'drive#permissionList', permissions: permissions.get(file.id) ?? [] } };
    if (route === 'POST permissions') return { body: share(file.id, metadataOf(request)) };
    throw failed(404, `no ${route}`, 'notFound');
  }

  function exported(file: DriveFile, mimeType: string | null): StandInAnswer {
    if (mimeType === null) throw failed(400, 'Required parameter: mimeType', 'required');
    if (file.mimeType !== documentType)
      throw failed(403, 'Export only supports Docs Editors files.', 'fileNotExportable');
    if (!exports.includes(mimeType)) throw failed(400, 'The requested conversion is not supported.', 'badRequest');
    return { headers: { 'content-type': mimeType }, body: file.content };
  }

  function share(id: string, { type, role, emailAddress }: Record<string, any>): object {
    if (!permissionTypes.includes(type)) throw failed(400, 'The permission type field is required.', 'required');
    if (!permissionRoles.includes(role)) throw failed(400, 'The permission role field is required.', 'required');
    if ((type === 'user' || type === 'group') !== (typeof emailAddress === 'string'))
      throw failed(400, 'emailAddress goes with user and group', 'invalid');
    const permission = { id: String(++count), type, role, ...(emailAddress ? { emailAddress } : {}) };
    permissions.set(id, [...(permissions.get(id) ?? []), permission]);
    return { kind: 'drive#permission', ...permission };
  }

  /** `media`: bytes alone; `multipart`: metadata, then bytes, as multipart/related. */
  function uploaded(request: SeenRequest, { query, segments }: Target): StandInAnswer {
    const id = segments[4];
    if (request.method !== (id === undefined ? 'POST' : 'PATCH')) throw failed(404, 'method', 'notFound');
    const [metadata, content, type] = uploadOf(request, query.get('uploadType'));
    if (id === undefined) return { body: shown(create({ mimeType: type, ...metadata }, content)) };
    const file = Object.assign(fileOf(id), metadata, { content });
    return { body: shown(file) };
  }

  function create(metadata: Record<string, any>, content: Buffer = Buffer.alloc(0)): DriveFile {
    const { name = 'Untitled', mimeType = 'application/octet-stream', parents = ['root'] } = metadata;
    if (!Array.isArray(parents)) throw failed(400, 'parents must be a list', 'invalid');
    const file = { id: `1File${String(++count).padStart(28, '0')}`, name, mimeType, parents, trashed: false, content };
    files.set(file.id, file);
    return file;
  }

  function fileOf(id: string): DriveFile {
    const file = files.get(id);
    if (!file) throw failed(404, `File not found: ${id}.`, 'notFound');
    return file;
  }

  return { ...service, files, permissions };
}

function uploadOf(request: SeenRequest, uploadType: string | null): [Record<string, any>, Buffer, string] {
  if (uploadType === 'media') return [{}, request.body, mediaType(request)];
  if (uploadType !== 'multipart') throw failed(400, `uploadType is ${uploadType}`, 'invalidParameter');
  const parts = mediaType(request) === 'multipart/related' ? multipartParts(request) : undefined;
  const [first, second] = parts ?? [];
  if (parts?.length !== 2 || !first || !second || !/^application\/json\b/i.test(first.headers['content-type'] ?? ''))
    throw failed(400, 'the body is not metadata and content as multipart/related', 'badContent');
  return [JSON.parse(first.body.toString()), second.body, second.headers['content-type'] ?? ''];
}

function metadataOf(request: SeenRequest): Record<string, any> {
  if (request.body.length === 0) return {};
  const body = jsonObject(request);
  if (!body) throw failed(400, 'Parse Error', 'parseError');
  return body;
}

const list = (query: URLSearchParams, name: string) => query.get(name)?.split(',').filter(Boolean) ?? [];

const shown = ({ content, ...file }: DriveFile) => ({ kind: 'drive#file', ...file, size: String(content.length) });

const failed = (code: number, message: string, reason: string) =>
  new Fault(`${code} ${message}`, {
    status: code,
    body: { error: { code, message, errors: [{ domain: 'global', reason, message }] } },
  });
