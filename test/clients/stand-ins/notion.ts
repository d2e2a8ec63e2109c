/** Notion's API as its reference demands it: bearer token, the header Notion-Version, JSON, ids that are UUIDs. */
import { randomUUID } from 'node:crypto';
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { Fault, jsonObject, type ServiceStandIn, serviceStandIn } from './service.ts';

type Fields = Record<string, any>;

export interface NotionStandIn extends ServiceStandIn {
  /** The data source that is there from the start. */
  dataSource: string;
  pages: Map<string, Fields>;
  /** Children by parent. */
  blocks: Map<string, Fields[]>;
  comments: Fields[];
}

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const versions = /^20\d\d-\d\d-\d\d$/;

export function notionStandIn({
  token,
  dataSource = randomUUID(),
}: {
  token: string;
  dataSource?: string;
}): NotionStandIn {
  const pages: NotionStandIn['pages'] = new Map();
  const blocks: NotionStandIn['blocks'] = new Map();
  const comments: Fields[] = [];

  const service = serviceStandIn(
    ['api.notion.com'],
    (request, { segments: [root, kind = '', id, more], query, pathname }) => {
      if (root !== 'v1') throw failed(400, 'invalid_request_url', pathname);
      if (request.headers.authorization !== `Bearer ${token}`)
        throw failed(401, 'unauthorized', 'API token is invalid.');
      const version = request.headers['notion-version'];
      if (!version || !versions.test(version))
        throw failed(400, 'missing_version', 'Notion-Version header failed validation');
      const route = `${request.method} ${kind}${id === undefined ? '' : '/ID'}${more === undefined ? '' : `/${more}`}`;
      if (route === 'GET users/ID' && id === 'me')
        return { body: { object: 'user', id: randomUUID(), type: 'bot', name: 'Reporter', bot: {} } };
      if (id !== undefined && !uuid.test(id))
        throw failed(400, 'validation_error', `path failed validation: ${id} should be a valid uuid`);
      return routes(route, id === undefined ? '' : dashed(id), request, query);
    },
  );

  function routes(route: string, id: string, request: SeenRequest, query: URLSearchParams): StandInAnswer {
    switch (route) {
      case 'POST search': {
        bodyOf(request);
        return { body: listOf([...pages.values()].filter((page) => !page.in_trash)) };
      }
      case 'POST pages':
        return { body: createPage(bodyOf(request)) };
      case 'GET pages/ID':
        return { body: pageOf(id) };
      case 'PATCH pages/ID': {
        const { properties, in_trash: inTrash, archived } = bodyOf(request);
        const page = pageOf(id);
        Object.assign(page.properties, properties);
        page.in_trash = inTrash ?? archived ?? page.in_trash;
        return { body: page };
      }
      case 'GET data_sources/ID':
        checkDataSource(id);
        return { body: { object: 'data_source', id, properties: { Name: { id: 'title', type: 'title', title: {} } } } };
      case 'POST data_sources/ID/query': {
        checkDataSource(id);
        const { page_size: size = 100, start_cursor: cursor = '0' } = bodyOf(request);
        if (!Number.isInteger(size) || size < 1 || size > 100)
          throw failed(400, 'validation_error', 'page_size should be at most 100');
        const rows = [...pages.values()].filter((page) => page.parent.data_source_id === id && !page.in_trash);
        const from = Number(cursor);
        return { body: listOf(rows.slice(from, from + size), from + size < rows.length ? String(from + size) : null) };
      }
      case 'GET blocks/ID/children':
        pageOf(id);
        return { body: listOf(blocks.get(id) ?? []) };
      case 'PATCH blocks/ID/children': {
        pageOf(id);
        const { children } = bodyOf(request);
        if (!Array.isArray(children) || children.length === 0 || children.length > 100)
          throw failed(400, 'validation_error', 'body.children should be a list of at most 100');
        const made = children.map(checkBlock);
        blocks.set(id, [...(blocks.get(id) ?? []), ...made]);
        return { body: listOf(made) };
      }
      case 'POST comments': {
        const body = bodyOf(request);
        const goal = body.parent?.page_id ?? body.parent?.block_id ?? body.discussion_id;
        if (!uuid.test(String(goal)))
          throw failed(400, 'validation_error', 'body.parent or body.discussion_id should be defined');
        if (!Array.isArray(body.rich_text) && typeof body.markdown !== 'string')
          throw failed(400, 'validation_error', 'body.rich_text should be defined');
        const comment = { object: 'comment', id: randomUUID(), parent: body.parent, rich_text: body.rich_text ?? [] };
        comments.push(comment);
        return { body: comment };
      }
      case 'GET comments': {
        const block = query.get('block_id');
        if (!block || !uuid.test(block)) throw failed(400, 'validation_error', 'query.block_id should be defined');
        return { body: listOf(comments.filter(({ parent }) => dashed(parent?.page_id ?? '') === dashed(block))) };
      }
      default:
        throw failed(400, 'invalid_request_url', route);
    }
  }

  function createPage({ parent, properties, children = [] }: Fields): Fields {
    const kinds = Object.keys(parent ?? {}).filter((key) => key !== 'type');
    if (kinds.length !== 1 || !['page_id', 'database_id', 'data_source_id', 'workspace'].includes(kinds[0]!))
      throw failed(400, 'validation_error', 'body.parent should name one parent');
    if (typeof properties !== 'object' || properties === null)
      throw failed(400, 'validation_error', 'body.properties should be defined');
    if (parent.data_source_id !== undefined) checkDataSource(dashed(String(parent.data_source_id)));
    const id = randomUUID();
    const page = { object: 'page', id, parent, properties, in_trash: false, url: `https://www.notion.so/${id}` };
    pages.set(id, page);
    blocks.set(id, (children as unknown[]).map(checkBlock));
    return page;
  }

  function pageOf(id: string): Fields {
    const page = pages.get(id);
    if (!page) throw failed(404, 'object_not_found', `Could not find page with ID: ${id}.`);
    return page;
  }

  function checkDataSource(id: string): void {
    if (id !== dataSource) throw failed(404, 'object_not_found', `Could not find data source with ID: ${id}.`);
  }

  return { ...service, dataSource, pages, blocks, comments };
}

/** A block has exactly one field with the name of its type. */
function checkBlock(value: unknown): Fields {
  const block = (value ?? {}) as Fields;
  const types = Object.keys(block).filter((key) => key !== 'object' && key !== 'type');
  if (types.length !== 1 || (block.type !== undefined && block.type !== types[0]))
    throw failed(400, 'validation_error', 'a block should have exactly one type');
  return { ...block, object: 'block', id: randomUUID(), type: types[0], has_children: false };
}

function bodyOf(request: SeenRequest): Fields {
  const body = jsonObject(request);
  if (!body) throw failed(400, 'invalid_json', 'Error parsing JSON body.');
  return body;
}

const listOf = (results: Fields[], next: string | null = null) => ({
  object: 'list',
  results,
  next_cursor: next,
  has_more: next !== null,
  type: 'page_or_data_source',
});

const dashed = (id: string) =>
  id
    .replaceAll('-', '')
    .toLowerCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

const failed = (status: number, code: string, message: string) =>
  new Fault(`${status} ${code}: ${message}`, {
    status,
    body: { object: 'error', status, code, message, request_id: randomUUID() },
  });
