import { expect } from 'vitest';
import { notionStandIn } from '../stand-ins/notion.ts';
import type { ClientCase } from './client-case.ts';

const token = 'ntn_1b6f4a-notion-token';
const dataSource = '0ed4734c-728f-46a6-bab7-3ca634b5c75d';

export const notion: ClientCase = {
  client: '@notionhq/client',
  service: 'notion',
  made: "new Client({ auth: 'cordon' })",
  secret: { token },
  hidden: token,
  grants: [
    { operations: ['users.me', 'pages.*:read', 'dataSources.*:read', 'blocks.children.*', 'comments.*:read'] },
    { operations: ['comments.create'] },
    { operations: ['pages.create'], constraints: { 'parent.data_source_id': { equals: dataSource } } },
  ],
  standIn: () => notionStandIn({ token, dataSource }),
  calls: {
    'users.me': { gate: ['users.me'], gives: 'Reporter' },
    'pages.create': { gate: ['pages.create'], gives: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    'pages.retrieve': { gate: ['pages.retrieve'], gives: 'page' },
    'dataSources.query': { gate: ['dataSources.query'], gives: 1 },
    'blocks.children.append': { gate: ['blocks.children.append'], gives: 1 },
    'blocks.children.list': { gate: ['blocks.children.list'], gives: 1 },
    'comments.create': { gate: ['comments.create'], gives: 'comment' },
    'what the service refuses': { gate: ['pages.retrieve'], fails: /Could not find page/ },
    search: { gate: ['search'], refused: 'no_grant' },
    'pages.create elsewhere': { gate: ['pages.create'], refused: 'constraint' },
  },
};
