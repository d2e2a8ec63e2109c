import { pineconeStandIn } from '../stand-ins/pinecone.ts';
import type { ClientCase } from './client-case.ts';

const value = 'pcsk_5a3e7f-pinecone-key';
const host = 'docs-abc1234.svc.aped-4627-b74a.pinecone.io';

export const pinecone: ClientCase = {
  client: '@pinecone-database/pinecone',
  service: 'pinecone',
  made: "new Pinecone({ apiKey: 'cordon' })",
  hosts: ['api.pinecone.io', host],
  secret: { value },
  hidden: value,
  grants: [
    { operations: ['indexes.list', 'indexes.describe', 'indexStats.describe'] },
    {
      operations: [
        'vectors.query',
        'vectors.upsert',
        'vectors.fetch',
        'vectors.list',
        'documents.upsert',
        'documents.*:read',
      ],
      constraints: { namespace: { equals: 'manuals' } },
    },
  ],
  standIn: () => pineconeStandIn({ token: value, index: 'docs', host, dimension: 3 }),
  calls: {
    'indexes.describe': { gate: ['indexes.describe'], gives: host },
    'indexes.list': { gate: ['indexes.list'], gives: ['docs'] },
    upsert: { gate: ['vectors.upsert'] },
    query: { gate: ['vectors.query'], gives: [['a', 1]] },
    fetch: { gate: ['vectors.fetch'], gives: ['a', 'b'] },
    listPaginated: { gate: ['vectors.list'], gives: ['a'] },
    describeIndexStats: { gate: ['indexStats.describe'], gives: 2 },
    'documents.upsert': { gate: ['documents.upsert'], gives: 2 },
    'documents.search': { gate: ['documents.search'], gives: ['one'] },
    'what the service refuses': { gate: ['vectors.query'], fails: /dimension/ },
    'indexes.delete': { gate: ['indexes.delete'], refused: 'no_grant' },
    'query of another namespace': { gate: ['vectors.query'], refused: 'constraint' },
  },
};
