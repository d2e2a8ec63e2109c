import { Pinecone } from '@pinecone-database/pinecone';
import { record } from './record.ts';

const pinecone = new Pinecone({ apiKey: 'cordon' });

export default await record(async (call) => {
  const host = await call('indexes.describe', async () => (await pinecone.indexes.describe('docs')).host);
  const docs = pinecone.index({ host, namespace: 'manuals' });
  await call('indexes.list', async () => (await pinecone.indexes.list()).indexes?.map(({ name }) => name));
  await call('upsert', async () => {
    await docs.upsert({
      records: [
        { id: 'a', values: [1, 0, 0], metadata: { page: 1 } },
        { id: 'b', values: [0, 1, 0], metadata: { page: 2 } },
      ],
    });
  });
  await call('query', async () => {
    const { matches } = await docs.query({ vector: [0.9, 0.1, 0], topK: 1, includeMetadata: true });
    return matches.map(({ id, metadata }) => [id, metadata?.page]);
  });
  await call('fetch', async () => Object.keys((await docs.fetch({ ids: ['a', 'b'] })).records));
  await call('listPaginated', async () => (await docs.listPaginated({ prefix: 'a' })).vectors?.map(({ id }) => id));
  await call('describeIndexStats', async () => (await docs.describeIndexStats()).totalRecordCount);
  await call('documents.upsert', async () => {
    const documents = [
      { _id: 'one', body: 'Apple trees need sunlight.' },
      { _id: 'two', body: 'Pears thrive in orchards.' },
    ];
    return (await docs.documents.upsert({ documents })).upsertedCount;
  });
  await call('documents.search', async () => {
    const scoreBy = [{ type: 'text' as const, fields: ['body'], query: 'apple' }];
    const { matches } = await docs.documents.search({ scoreBy, topK: 1, includeFields: ['body'] });
    return matches.map(({ _id }) => _id);
  });
  await call('what the service refuses', () => docs.query({ vector: [1], topK: 1 }));
  await call('indexes.delete', () => pinecone.indexes.delete('docs'));
  await call('query of another namespace', () =>
    pinecone.index({ host, namespace: 'payroll' }).query({ vector: [1, 0, 0], topK: 1 }),
  );
});
