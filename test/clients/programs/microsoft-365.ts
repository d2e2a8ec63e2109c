import { Client, PageIterator } from '@microsoft/microsoft-graph-client';
import { record } from './record.ts';

const graph = Client.init({ authProvider: (done) => done(null, 'cordon') });
const support = '/users/support@contoso.com';

export default await record(async (call) => {
  await call('a user', async () => (await graph.api(support).select('displayName').get()).displayName);
  await call('messages, paged', async () => {
    const subjects: string[] = [];
    const first = await graph.api(`${support}/messages`).filter('isRead eq false').top(1).get();
    const pages = new PageIterator(graph, first, ({ subject }) => {
      subjects.push(subject);
      return true;
    });
    await pages.iterate();
    return subjects;
  });
  await call('a mail', async () => {
    const toRecipients = [{ emailAddress: { address: 'ada@contoso.com' } }];
    const message = { subject: 'Numbers', body: { contentType: 'Text', content: 'See below.' }, toRecipients };
    await graph.api(`${support}/sendMail`).post({ message, saveToSentItems: true });
  });
  await call(
    'an upload by path',
    async () => (await graph.api('/sites/root/drive/root:/reports/week 1.csv:/content').put('a,b\n1,2\n')).name,
  );
  await call('a download', async () => {
    const stream = await graph.api('/sites/root/drive/root:/reports/week 1.csv:/content').getStream();
    return new Response(stream).text();
  });
  await call(
    'a row of a list',
    async () => (await graph.api('/sites/root/lists/Tasks/items').post({ fields: { Title: 'Check' } })).fields.Title,
  );
  await call('a message in a channel', async () => {
    const path = '/teams/33333333-3333-3333-3333-333333333333/channels/19:abc@thread.tacv2/messages';
    return (await graph.api(path).post({ body: { content: 'hello' } })).body.content;
  });
  await call('what the service refuses', () => graph.api('/sites/root/lists/None/items').post({ fields: {} }));
  await call('users.delete', () => graph.api('/users/ada@contoso.com').delete());
  await call('a mail of another person', () => graph.api('/users/ada@contoso.com/sendMail').post({ message: {} }));
});
