import { Client } from '@notionhq/client';
import { record } from './record.ts';

const notion = new Client({ auth: 'cordon' });
const dataSource = '0ed4734c-728f-46a6-bab7-3ca634b5c75d';
const text = (content: string) => [{ text: { content } }];

export default await record(async (call) => {
  await call('users.me', async () => (await notion.users.me({})).name);
  const page = await call('pages.create', async () => {
    const parent = { data_source_id: dataSource };
    return (await notion.pages.create({ parent, properties: { Name: { title: text('Plan') } } })).id;
  });
  await call('pages.retrieve', async () => (await notion.pages.retrieve({ page_id: page })).object);
  await call('dataSources.query', async () => {
    const { results } = await notion.dataSources.query({ data_source_id: dataSource, page_size: 10 });
    return results.length;
  });
  await call('blocks.children.append', async () => {
    const children = [{ paragraph: { rich_text: text('First') } }];
    return (await notion.blocks.children.append({ block_id: page, children })).results.length;
  });
  await call(
    'blocks.children.list',
    async () => (await notion.blocks.children.list({ block_id: page })).results.length,
  );
  await call(
    'comments.create',
    async () => (await notion.comments.create({ parent: { page_id: page }, rich_text: text('Good') })).object,
  );
  await call('what the service refuses', () => notion.pages.retrieve({ page_id: dataSource }));
  await call('search', () => notion.search({ query: 'plan' }));
  await call('pages.create elsewhere', () => notion.pages.create({ parent: { page_id: page }, properties: {} }));
});
