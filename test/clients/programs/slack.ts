import { WebClient } from '@slack/web-api';
import { record } from './record.ts';

// Without it a refused call is tried again for half an hour.
const slack = new WebClient('cordon', { retryConfig: { retries: 0 } });
const general = 'C0123456789';

export default await record(async (call) => {
  await call('auth.test', async () => (await slack.auth.test()).team);
  await call('conversations.list, paged', async () => {
    const names: unknown[] = [];
    for await (const page of slack.paginate('conversations.list', { limit: 1 }))
      for (const { name } of (page as { channels?: { name?: string }[] }).channels ?? []) names.push(name);
    return names;
  });
  const ts = await call('chat.postMessage', async () => {
    const text = 'Grüße & more';
    const blocks = [{ type: 'section', text: { type: 'plain_text' as const, text } }];
    return (await slack.chat.postMessage({ channel: general, text, blocks })).ts!;
  });
  await call('reactions.add', async () => {
    await slack.reactions.add({ channel: general, timestamp: ts, name: 'tada' });
  });
  await call('conversations.history', async () =>
    (await slack.conversations.history({ channel: general })).messages?.map(({ text }) => text),
  );
  await call('users.info', async () => (await slack.users.info({ user: 'U0123456789' })).user?.name);
  await call('filesUploadV2', async () => {
    await slack.filesUploadV2({ channel_id: general, content: 'a,b\n1,2\n', filename: 'table.csv' });
  });
  await call('what the service refuses', () => slack.users.info({ user: 'U0' }));
  await call('chat.delete', () => slack.chat.delete({ channel: general, ts }));
  await call('chat.postMessage elsewhere', () => slack.chat.postMessage({ channel: 'C0987654321', text: 'hello' }));
});
