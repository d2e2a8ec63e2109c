import type { Principal } from '../runtime/agent/roles.ts';
import type { TraceContext } from '../runtime/runtime.ts';
import type { Answer } from './answer.ts';
import { problemSchema } from './fields.ts';
import { z } from './http.ts';
import { needs, type RouteName } from './roles.ts';

type ParamNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamNames<Rest>
  : never;

/** One route: what is checked before its handler runs, and what the OpenAPI document says of it. */
export interface RouteSpec<Name extends RouteName = RouteName, Query = unknown, Body = unknown> {
  name: Name;
  tag: string;
  summary: string;
  description?: string;
  /** Strict: unknown parameters are refused. */
  query?: z.ZodType<Query>;
  /** Headers that mean something here, by name. For the document; handlers read them. */
  headers?: Record<string, string>;
  /** JSON is read, bounded and checked before the handler; `raw` is left to the handler to stream. */
  body?: JsonBody<Body> | 'raw';
  /** Answers besides problems: description, and the schema of a JSON answer or the media type of another. */
  responses: Record<number, Described>;
  /** Further Hono patterns that mean the same. */
  aliases?: string[];
}

export interface JsonBody<Body = unknown> {
  schema: z.ZodType<Body>;
  limitBytes: number;
  /** No bytes mean `{}`. */
  optional?: true;
}

interface Described {
  description: string;
  schema?: z.ZodType;
  mediaType?: string;
  /** Other forms of the same answer, by media type. */
  also?: Record<string, z.ZodType>;
}

/** A request after authentication and validation. */
export interface Call<Name extends RouteName = RouteName, Query = unknown, Body = unknown> {
  principal: Principal;
  /** From the key alone; an operator acts in `default`. */
  tenant: string;
  params: Record<ParamNames<Name>, string>;
  query: Query;
  body: Body;
  /** Digest of the body as it was sent, for idempotency. */
  bodySha256(): string;
  /** Call when the body has served and the answer may take long: it may be large. */
  letGoOfBody(): void;
  header(name: string): string | null;
  request: Request;
  requestId: string;
  trace: TraceContext;
}

export type Handler<Name extends RouteName, Query, Body> = (call: Call<Name, Query, Body>) => Promise<Answer> | Answer;

export type AddRoute = <Name extends RouteName, Query = Record<string, never>, Body = undefined>(
  spec: RouteSpec<Name, Query, Body>,
  handler: Handler<Name, Query, Body>,
) => void;

/** `{path}` and `{key}` hold slashes, and line breaks, which `.` leaves out; any other parameter is one segment. */
export function honoPattern(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name) =>
    name === 'path' || name === 'key' ? `:${name}{[^]+}` : `:${name}`,
  );
}

/** The route for the OpenAPI registry. */
export function openApiRoute(spec: RouteSpec<RouteName, never, never>, isPublic: boolean) {
  const [method = '', path = ''] = spec.name.split(' ');
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  const headers = Object.entries(spec.headers ?? {});
  const responses = Object.entries(spec.responses).map(([status, { description, schema, mediaType, also = {} }]) => {
    const main = schema ?? (mediaType === undefined ? undefined : z.string());
    const forms = [
      ...(main === undefined ? [] : [[mediaType ?? 'application/json', main] as const]),
      ...Object.entries(also),
    ];
    const content = Object.fromEntries(forms.map(([type, form]) => [type, { schema: form }]));
    return [status, { description, ...(forms.length > 0 && { content }) }];
  });
  const body = spec.body;
  return {
    method: method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete',
    path,
    operationId: operationId(method, path),
    tags: [spec.tag],
    summary: spec.summary,
    description: [spec.description, needs(spec.name)].filter((part) => part !== undefined).join(' '),
    security: isPublic ? [] : [{ bearer: [] }, { apiKey: [] }],
    request: {
      ...(names.length > 0 && { params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) }),
      ...(spec.query !== undefined && { query: spec.query as unknown as z.ZodObject }),
      ...(headers.length > 0 && {
        headers: z.object(
          Object.fromEntries(headers.map(([name, what]) => [name, z.string().optional().describe(what)])),
        ),
      }),
      ...(body !== undefined && {
        body: {
          required: body === 'raw' || body.optional === undefined,
          content:
            body === 'raw'
              ? { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } }
              : { 'application/json': { schema: body.schema } },
        },
      }),
    },
    responses: {
      ...Object.fromEntries(responses),
      default: {
        description: 'A problem (RFC 9457)',
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    },
  };
}

/** `GET /v1/runs/{id}/events` is `getRunsEvents`: stable as long as the path is. */
function operationId(method: string, path: string): string {
  const words = path.split('/').flatMap((part) => part.replace(/^v1$/, '').split(/\W+/));
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
