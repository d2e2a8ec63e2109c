/** GitHub's REST API as its reference demands it: a token, a user agent, JSON, pages by the header Link, errors as `{message}`. */
import { createHash } from 'node:crypto';
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { Fault, jsonObject, type ServiceStandIn, serviceStandIn, type Target } from './service.ts';

type Fields = Record<string, any>;

export interface GitHubStandIn extends ServiceStandIn {
  /** Content by path. */
  files: Map<string, Buffer>;
  issues: Fields[];
  comments: Fields[];
}

export interface GitHubOptions {
  token: string;
  /** The one repository. */
  repository: string;
  issues?: string[];
}

export function gitHubStandIn({ token, repository, issues: titles = [] }: GitHubOptions): GitHubStandIn {
  const files: GitHubStandIn['files'] = new Map();
  const issues: Fields[] = titles.map((title, at) => ({ number: at + 1, title, state: 'open', labels: [] }));
  const comments: Fields[] = [];
  const base = `/repos/${repository}`;

  const service = serviceStandIn(['api.github.com', 'uploads.github.com'], (request, target) => {
    const { headers } = request;
    if (!headers['user-agent']) throw failed(403, 'Request forbidden by administrative rules. User-Agent is missing.');
    if (headers.authorization === undefined) throw failed(401, 'Requires authentication');
    if (!new Set([`Bearer ${token}`, `token ${token}`]).has(headers.authorization))
      throw failed(401, 'Bad credentials');
    if (!/^application\/(vnd\.github\.[\w.+-]*json|json)|^\*\/\*/.test(headers.accept ?? '*/*'))
      throw failed(415, `Unsupported 'Accept' header: ${headers.accept}`);
    return routes(request, target);
  });

  function routes(request: SeenRequest, { pathname, segments, query }: Target): StandInAnswer {
    if (`${request.method} ${pathname}` === 'GET /user') return { body: { login: 'reporter', id: 1, type: 'Bot' } };
    const [kind, owner, name, ...rest] = segments;
    if (kind !== 'repos' || `${owner}/${name}` !== repository) throw failed(404, 'Not Found');
    const route = [request.method, rest[0]].filter(Boolean).join(' ');
    if (route === 'GET' || route === 'DELETE')
      return route === 'GET' ? { body: { id: 2, name, full_name: repository, private: true } } : { status: 204 };
    if (rest[0] === 'contents') return contents(request, rest.slice(1).join('/'));
    if (route === 'GET git' && rest[1] === 'ref') return ref(rest.slice(2).join('/'));
    if (rest[0] === 'issues' && rest[1] === undefined)
      return request.method === 'GET' ? listed(query) : created(bodyOf(request));
    if (rest[0] === 'issues') return oneIssue(request, Number(rest[1]), rest[2]);
    throw failed(404, 'Not Found');
  }

  function contents(request: SeenRequest, path: string): StandInAnswer {
    const content = files.get(path);
    const shown = (bytes: Buffer) => ({ type: 'file', path, sha: sha(bytes), size: bytes.length });
    if (request.method === 'GET') {
      if (!content) throw failed(404, 'Not Found');
      // As the service does: lines of 60 characters.
      const encoded = content.toString('base64').replaceAll(/.{60}/g, '$&\n');
      return { body: { ...shown(content), encoding: 'base64', content: encoded } };
    }
    if (request.method !== 'PUT') throw failed(404, 'Not Found');
    const { message, content: given, sha: last } = bodyOf(request);
    if (typeof message !== 'string' || typeof given !== 'string')
      throw failed(422, '"message" and "content" are needed');
    const bytes = Buffer.from(given, 'base64');
    if (bytes.toString('base64') !== given) throw failed(422, 'content is not valid Base64');
    if (content && last !== sha(content)) throw failed(409, `${path} does not match ${last}`);
    files.set(path, bytes);
    return { status: content ? 200 : 201, body: { content: shown(bytes), commit: { sha: sha(bytes), message } } };
  }

  function ref(name: string): StandInAnswer {
    if (name !== 'heads/main') throw failed(404, 'Not Found');
    return { body: { ref: 'refs/heads/main', object: { type: 'commit', sha: sha(Buffer.from(name)) } } };
  }

  function listed(query: URLSearchParams): StandInAnswer {
    const [size, page] = ['per_page', 'page'].map((name, at) => Number(query.get(name) ?? [30, 1][at])) as [
      number,
      number,
    ];
    if (!(size >= 1 && size <= 100)) throw failed(422, 'per_page');
    const found = issues.filter(({ state }) => state === (query.get('state') ?? 'open'));
    const next = new URLSearchParams(query);
    next.set('page', String(page + 1));
    const isMore = found.length > size * page;
    return {
      ...(isMore ? { headers: { link: `<https://api.github.com${base}/issues?${next}>; rel="next"` } } : {}),
      body: found.slice(size * (page - 1), size * page),
    };
  }

  function created({ title, labels = [] }: Fields): StandInAnswer {
    if (typeof title !== 'string' || title === '') throw failed(422, 'Validation Failed: title is missing');
    const issue = { number: issues.length + 1, title, state: 'open', labels: labels.map((name: string) => ({ name })) };
    issues.push(issue);
    return { status: 201, body: issue };
  }

  function oneIssue(request: SeenRequest, number: number, more: string | undefined): StandInAnswer {
    const issue = issues.find((one) => one.number === number);
    if (!issue) throw failed(404, 'Not Found');
    if (request.method === 'GET' && more === undefined) return { body: issue };
    if (request.method !== 'POST' || more !== 'comments') throw failed(404, 'Not Found');
    const { body } = bodyOf(request);
    if (typeof body !== 'string' || body === '') throw failed(422, 'Validation Failed: body is missing');
    const comment = { id: comments.length + 1, body, issue: number };
    comments.push(comment);
    return { status: 201, body: comment };
  }

  return { ...service, files, issues, comments };
}

const sha = (bytes: Buffer) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

function bodyOf(request: SeenRequest): Fields {
  const body = jsonObject(request);
  if (!body) throw failed(400, 'Problems parsing JSON');
  return body;
}

const failed = (status: number, message: string) =>
  new Fault(`${status} ${message}`, {
    status,
    body: { message, documentation_url: 'https://docs.github.com/rest', status: String(status) },
  });
