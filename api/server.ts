/** The way of every request, on one page: id, key, role, validation, handler, answer, log line. */
import { createHash } from 'node:crypto';
import { type Principal, tenantOf } from '../runtime/agent/roles.ts';
import { CordonError } from '../runtime/errors.ts';
import { newId } from '../runtime/ids.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Log } from '../runtime/telemetry/log.ts';
import type { Metrics } from '../runtime/telemetry/metrics.ts';
import { readTraceContext } from '../runtime/telemetry/trace-context.ts';
import type { Answer } from './answer.ts';
import { authenticate } from './auth.ts';
import { readBody, readJsonBody, turnFor } from './body.ts';
import { noQuery } from './fields.ts';
import { type Context, OpenAPIHono } from './http.ts';
import { problemAnswer, publicError } from './problem.ts';
import { access, authorize } from './roles.ts';
import { type AddRoute, type Call, honoPattern, type JsonBody, openApiRoute, type RouteSpec } from './route.ts';
import { decodePathPart, queryObject, validate } from './validate.ts';

export interface ServerParts {
  runtime: Pick<Runtime, 'keys'>;
  log: Log;
  metrics: Metrics;
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const nobody: Principal = { keyId: '', role: 'viewer', tenant: undefined };

/** What is known of a request while it is answered. */
interface Exchange {
  request: Request;
  requestId: string;
  startedAt: number;
  route: string;
  principal?: Principal;
}

/** What a request brought; emptied when it has served. */
interface SentBody {
  bytes?: Buffer;
  /** As its schema has it. */
  body?: unknown;
}

/** In a function of its own, so that nothing of the body lives as long as the answer. */
async function readChecked(request: Request, spec: JsonBody): Promise<SentBody> {
  const bytes = await readBody(request, spec.limitBytes);
  await turnFor(bytes);
  const given = spec.optional && bytes.byteLength === 0 ? {} : readJsonBody(bytes);
  return { bytes, body: validate(spec.schema, given, 'body') };
}

/** An app without routes, and the way to add them. */
export function createServer({ runtime, log, metrics }: ServerParts): { app: OpenAPIHono; add: AddRoute } {
  const app = new OpenAPIHono();

  function open(c: Context, route: string): Exchange {
    const request = c.req.raw;
    const given = request.headers.get('x-request-id');
    const requestId = given !== null && /^[\w.:-]{1,128}$/.test(given) ? given : newId('req', Date.now());
    return { request, requestId, startedAt: performance.now(), route };
  }

  function fail(exchange: Exchange, thrown: unknown, headers?: Record<string, string>): Answer {
    const error = publicError(thrown);
    // The other 503s are an operator's everyday: the request's line has their code.
    if (error.code === 'internal' || error.code === 'storage_full')
      log.error(
        { requestId: exchange.requestId, route: exchange.route, code: error.code, err: error },
        'request failed',
      );
    return problemAnswer(error, exchange.requestId, headers);
  }

  async function close(exchange: Exchange, answer: Answer): Promise<Response> {
    const { request, requestId, startedAt, route, principal } = exchange;
    const ms = performance.now() - startedAt;
    metrics.request(route, answer.status, ms / 1000);
    const line = {
      requestId,
      route,
      status: answer.status,
      ms: Math.round(ms * 100) / 100,
      tenant: principal && tenantOf(principal),
      keyId: principal?.keyId,
      runId: answer.run?.id,
      traceId: answer.run?.traceId,
      code: answer.code,
    };
    if (access[route as keyof typeof access] === 'public') log.debug(line, 'request');
    else log.info(line, 'request');
    let body = answer.body ?? null;
    if (request.method === 'HEAD' && body instanceof ReadableStream) {
      await body.cancel();
      body = null;
    }
    return new Response(body, {
      status: answer.status,
      headers: {
        'x-request-id': requestId,
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        ...(answer.run?.traceId !== undefined && { 'x-trace-id': answer.run.traceId }),
        ...answer.headers,
      },
    });
  }

  const add: AddRoute = (spec, handler) => {
    const needed = access[spec.name];
    if (needed === undefined) throw new Error(`api/roles.ts has no role for ${spec.name}`);
    const [method = '', path = ''] = spec.name.split(' ');
    app.openAPIRegistry.registerPath(
      openApiRoute(spec as unknown as RouteSpec<never, never, never>, needed === 'public'),
    );
    const query = (spec.query ?? noQuery) as NonNullable<typeof spec.query>;

    const answerRequest = async (c: Context): Promise<Response> => {
      const exchange = open(c, spec.name);
      let answer: Answer;
      try {
        const { request, requestId } = exchange;
        let principal = nobody;
        if (needed !== 'public') {
          principal = exchange.principal = await authenticate(runtime.keys, request.headers);
          authorize(principal.role, needed);
        }
        if (request.url.includes('%')) decodePathPart(request.url.split('?', 1)[0] ?? '', 'path');
        const checkedQuery = validate(query, queryObject(request.url), 'query');
        let sent: SentBody = {};
        if (spec.body !== undefined && spec.body !== 'raw') {
          sent = await readChecked(request, spec.body);
          // A body takes its time: the key may be gone by now, and its tenant's id another customer's.
          if (needed !== 'public') principal = exchange.principal = await authenticate(runtime.keys, request.headers);
        }
        const call = {
          principal,
          tenant: tenantOf(principal),
          params: c.req.param() as Call['params'],
          query: checkedQuery,
          body: sent.body as never,
          bodySha256: () =>
            createHash('sha256')
              .update(sent.bytes ?? '')
              .digest('hex'),
          header: (name: string) => request.headers.get(name),
          request,
          requestId,
          trace: readTraceContext(request.headers),
          letGoOfBody() {
            sent = {};
            call.body = undefined as never;
          },
        };
        answer = await handler(call);
      } catch (error) {
        answer = fail(exchange, error);
      }
      return close(exchange, answer);
    };
    app.on(method, [honoPattern(path), ...(spec.aliases ?? [])], answerRequest);
  };

  /** Methods that have a route at this path. */
  const methodsOf = (path: string) => METHODS.filter((method) => app.router.match(method, path)[0].length > 0);

  app.notFound((c) => {
    const allowed = methodsOf(c.req.path);
    const exchange = open(c, allowed.length === 0 ? 'no route' : 'other method');
    if (allowed.length === 0)
      return close(
        exchange,
        fail(exchange, new CordonError('not_found', 'There is no such path. /openapi.json has them all.')),
      );
    const allow = [...allowed, ...(allowed.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    if (c.req.method === 'OPTIONS') return close(exchange, { status: 204, headers: { allow }, body: null });
    return close(
      exchange,
      fail(exchange, new CordonError('method_not_allowed', `This path allows ${allow}.`), { allow }),
    );
  });

  app.onError((error, c) => {
    const exchange = open(c, 'no route');
    return close(exchange, fail(exchange, error));
  });

  return { app, add };
}
