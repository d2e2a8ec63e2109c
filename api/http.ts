/** The one file that imports the HTTP framework: what the rest of api/ needs of it. */
export { createAdaptorServer } from '@hono/node-server';
export { OpenAPIHono, z } from '@hono/zod-openapi';
export type { Context } from 'hono';
