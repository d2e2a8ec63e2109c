import { publicConfig } from '../runtime/config.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { json } from './answer.ts';
import { docsPage, docsPolicy } from './docs-page.ts';
import { type OpenAPIHono, z } from './http.ts';
import type { AddRoute } from './route.ts';

const health = z.object({ status: z.literal('ok'), version: z.string() }).openapi('Health');

const readiness = z
  .object({
    ready: z.boolean(),
    checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
    durability: z.enum(['disk', 'process']),
  })
  .openapi('Readiness');

export function addServiceRoutes(add: AddRoute, app: OpenAPIHono, runtime: Runtime): void {
  let document: string | undefined;

  add(
    {
      name: 'GET /healthz',
      tag: 'service',
      summary: 'The process answers',
      responses: { 200: { description: 'It does', schema: health } },
    },
    () => json({ status: 'ok', version: runtime.version }),
  );

  add(
    {
      name: 'GET /readyz',
      tag: 'service',
      summary: 'Runs would be admitted now',
      responses: {
        200: { description: 'Ready', schema: readiness },
        503: { description: 'Not ready; `checks` says why', schema: readiness },
      },
    },
    () => {
      const state = runtime.readiness();
      return json(state, state.ready ? 200 : 503, state.ready ? {} : { 'retry-after': '1' });
    },
  );

  add(
    {
      name: 'GET /metrics',
      tag: 'service',
      summary: 'Metrics for Prometheus',
      responses: { 200: { description: 'Text format 0.0.4', mediaType: 'text/plain' } },
    },
    async () => ({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      body: await runtime.metrics(),
    }),
  );

  add(
    {
      name: 'GET /v1/config',
      tag: 'service',
      summary: 'Settings as they are in effect, without secrets',
      responses: { 200: { description: 'Settings by name', schema: z.record(z.string(), z.unknown()) } },
    },
    () => json(publicConfig(runtime.config)),
  );

  add(
    {
      name: 'GET /openapi.json',
      tag: 'service',
      summary: 'This interface as an OpenAPI 3.1 document',
      responses: { 200: { description: 'The document', schema: z.record(z.string(), z.unknown()) } },
    },
    () => {
      document ??= JSON.stringify(openApiDocument(app, runtime.version));
      return {
        status: 200,
        headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
        body: document,
      };
    },
  );

  add(
    {
      name: 'GET /docs',
      tag: 'service',
      summary: 'This interface as a page to read',
      responses: { 200: { description: 'The page', mediaType: 'text/html' } },
    },
    () => ({
      status: 200,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': docsPolicy,
        'referrer-policy': 'no-referrer',
      },
      body: docsPage,
    }),
  );
}

/** The OpenAPI document of all routes that were added. */
export function openApiDocument(app: OpenAPIHono, version: string) {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Cordon',
      version,
      description: 'Runs code that AI agents write, in sandboxes that hold no secret and reach nothing by default.',
      license: { name: 'Apache-2.0' },
    },
  });
}

/** The two ways to send a key. */
export function describeSecurity(app: OpenAPIHono): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
  });
}
