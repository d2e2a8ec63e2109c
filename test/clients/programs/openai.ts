import OpenAI, { toFile } from 'openai';
import { record } from './record.ts';

const openai = new OpenAI({ apiKey: 'cordon' });
const model = 'gpt-5-mini';
const messages = [{ role: 'user' as const, content: 'Say hello' }];

export default await record(async (call) => {
  await call('models.list', async () => {
    const ids: string[] = [];
    for await (const { id } of openai.models.list()) ids.push(id);
    return ids.length;
  });
  await call('chat.completions.create', async () => {
    const { choices } = await openai.chat.completions.create({ model, messages });
    return choices[0]?.message.content;
  });
  await call('chat.completions.create, streamed', async () => {
    const pieces: string[] = [];
    for await (const { choices } of await openai.chat.completions.create({ model, messages, stream: true }))
      pieces.push(choices[0]?.delta.content ?? '');
    return pieces.filter(Boolean);
  });
  await call('responses.create', async () => (await openai.responses.create({ model, input: 'hello' })).output_text);
  await call('embeddings.create', async () => {
    const { data } = await openai.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
    return data.map(({ embedding }) => embedding);
  });
  const file = await call('files.create', async () => {
    const content = await toFile(Buffer.from('{"a":1}\n'), 'rows.jsonl');
    return (await openai.files.create({ purpose: 'batch', file: content })).id;
  });
  await call('files.content', async () => (await openai.files.content(file)).text());
  await call('what the service refuses', () => openai.models.retrieve('gpt-1'));
  await call('files.delete', () => openai.files.delete(file));
  await call('chat.completions.create with another model', () =>
    openai.chat.completions.create({ model: 'gpt-5', messages }),
  );
});
