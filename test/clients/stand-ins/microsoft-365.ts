/** Microsoft Graph as its reference demands it: bearer token, JSON, pages by `@odata.nextLink`, errors as `{error: {code, message}}`. */
import { randomUUID } from 'node:crypto';
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { Fault, jsonObject, type ServiceStandIn, serviceStandIn, type Target } from './service.ts';

type Fields = Record<string, any>;

const origin = 'https://graph.microsoft.com';

export interface GraphStandIn extends ServiceStandIn {
  /** Sent mails and messages of channels. */
  sent: Fields[];
  /** By path in the site's drive. */
  files: Map<string, Buffer>;
}

export interface GraphOptions {
  token: string;
  user: string;
  /** Subjects of its unread mails. */
  mails: string[];
  lists: string[];
}

export function graphStandIn({ token, user, mails, lists }: GraphOptions): GraphStandIn {
  const sent: Fields[] = [];
  const files: GraphStandIn['files'] = new Map();

  const service = serviceStandIn(['graph.microsoft.com'], (request, target) => {
    if (request.headers.authorization === undefined)
      throw failed(401, 'InvalidAuthenticationToken', 'Access token is empty.');
    if (request.headers.authorization !== `Bearer ${token}`)
      throw failed(401, 'InvalidAuthenticationToken', 'IDX14100: JWT is not well formed.');
    const [version, kind, ...rest] = target.segments;
    if (version !== 'v1.0') throw failed(400, 'BadRequest', `version ${version}`);
    if (kind === 'users') return users(request, rest, target);
    if (kind === 'sites' && rest[1] === 'drive') return drive(request, rest.slice(2).join('/'));
    if (kind === 'sites' && rest[1] === 'lists') return list(request, rest.slice(2));
    if (kind === 'teams') return channel(request, rest);
    throw failed(400, 'BadRequest', `Resource not found for the segment '${kind}'.`);
  });

  function users(
    { method, ...request }: SeenRequest,
    [id, more]: string[],
    { pathname, query }: Target,
  ): StandInAnswer {
    if (id !== user) throw failed(404, 'Request_ResourceNotFound', `Resource '${id}' does not exist.`);
    if (method === 'GET' && more === undefined) return { body: { id: randomUUID(), displayName: 'Support', mail: id } };
    if (method === 'GET' && more === 'messages') {
      const [size, skip] = ['$top', '$skip'].map((name, at) => Number(query.get(name) ?? [10, 0][at])) as [
        number,
        number,
      ];
      if (!(size >= 1 && size <= 1000)) throw failed(400, 'ErrorInvalidUrlQuery', '$top');
      if (![null, 'isRead eq false'].includes(query.get('$filter'))) throw failed(400, 'BadRequest', '$filter');
      const next = new URLSearchParams(query);
      next.set('$skip', String(skip + size));
      const isMore = skip + size < mails.length;
      const value = mails.slice(skip, skip + size).map((subject) => ({ id: subject, subject, isRead: false }));
      return { body: { value, ...(isMore ? { '@odata.nextLink': `${origin}${pathname}?${next}` } : {}) } };
    }
    if (method !== 'POST' || more !== 'sendMail') throw failed(405, 'BadRequest', `${method} ${more}`);
    const { message, saveToSentItems = true } = bodyOf({ method, ...request });
    const to: unknown = message?.toRecipients;
    const isAddressed = Array.isArray(to) && to.length > 0 && to.every((one) => /@/.test(one?.emailAddress?.address));
    if (!isAddressed) throw failed(400, 'ErrorInvalidRecipients', 'At least one recipient is required.');
    if (typeof saveToSentItems !== 'boolean') throw failed(400, 'RequestBodyRead', 'saveToSentItems');
    sent.push(message);
    return { status: 202 };
  }

  /** `root:/PATH:/content` alone. */
  function drive({ method, body }: SeenRequest, address: string): StandInAnswer {
    const path = /^root:\/(.+):\/content$/.exec(address)?.[1];
    if (path === undefined) throw failed(400, 'invalidRequest', address);
    if (method === 'PUT') {
      const isNew = !files.has(path);
      files.set(path, body);
      const name = path.split('/').at(-1);
      return { status: isNew ? 201 : 200, body: { id: randomUUID(), name, size: body.length, file: {} } };
    }
    const bytes = files.get(path);
    if (method !== 'GET' || !bytes) throw failed(404, 'itemNotFound', 'The resource could not be found.');
    return { headers: { 'content-type': 'application/octet-stream' }, body: bytes };
  }

  function list(request: SeenRequest, [id, more]: string[]): StandInAnswer {
    if (!lists.includes(id ?? '')) throw failed(404, 'itemNotFound', 'The specified list was not found');
    if (request.method !== 'POST' || more !== 'items') throw failed(405, 'BadRequest', String(more));
    const { fields } = bodyOf(request);
    if (typeof fields !== 'object' || fields === null) throw failed(400, 'invalidRequest', 'fields');
    return { status: 201, body: { id: '1', fields } };
  }

  function channel(request: SeenRequest, [team = '', channels, id = '', more]: string[]): StandInAnswer {
    if (!/^[0-9a-f-]{36}$/.test(team) || !/^19:[\w-]+@thread\.(tacv2|skype)$/.test(id))
      throw failed(400, 'BadRequest', 'Invalid thread id.');
    if (`${request.method} ${channels} ${more}` !== 'POST channels messages') throw failed(404, 'NotFound', `${more}`);
    const { body } = bodyOf(request);
    if (typeof body?.content !== 'string') throw failed(400, 'BadRequest', 'Missing body content');
    sent.push({ body });
    return { status: 201, body: { id: '1', messageType: 'message', body: { contentType: 'text', ...body } } };
  }

  return { ...service, sent, files };
}

function bodyOf(request: Pick<SeenRequest, 'headers' | 'body'> & Partial<SeenRequest>): Fields {
  const body = jsonObject(request as SeenRequest);
  if (!body) throw failed(400, 'BadRequest', 'Unable to read JSON request payload.');
  return body;
}

const failed = (status: number, code: string, message: string) =>
  new Fault(`${status} ${code}: ${message}`, {
    status,
    body: { error: { code, message, innerError: { date: '2026-01-01T00:00:00', 'request-id': randomUUID() } } },
  });
