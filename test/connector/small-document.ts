import { outlineOf } from '../../runtime/connector/openapi/outline.ts';

/** A document with one operation, and what a test adds or changes. */
export const small = (more: object = {}) => ({
  openapi: '3.0.3',
  info: { title: 'Small', version: '1' },
  servers: [{ url: 'https://small.example' }],
  paths: { '/a': { get: { operationId: 'a' } } },
  ...more,
});

export const outline = (more: object = {}) => outlineOf({ text: JSON.stringify(small(more)) });
