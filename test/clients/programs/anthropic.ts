import Anthropic from '@anthropic-ai/sdk';
import { record } from './record.ts';

const anthropic = new Anthropic({ apiKey: 'cordon' });
const model = 'claude-haiku-4-5';
const messages = [{ role: 'user' as const, content: 'Say hello' }];

export default await record(async (call) => {
  await call('messages.create', async () => {
    const { content } = await anthropic.messages.create({ model, max_tokens: 100, messages });
    return content.map((block) => (block.type === 'text' ? block.text : block.type));
  });
  await call('messages.stream', async () => {
    const pieces: string[] = [];
    const stream = anthropic.messages.stream({ model, max_tokens: 100, messages });
    stream.on('text', (piece) => pieces.push(piece));
    return [pieces, (await stream.finalMessage()).stop_reason];
  });
  await call(
    'messages.countTokens',
    async () => (await anthropic.messages.countTokens({ model, messages })).input_tokens,
  );
  await call('models.list', async () => {
    const ids: string[] = [];
    for await (const { id } of anthropic.models.list()) ids.push(id);
    return ids;
  });
  const batch = await call('messages.batches.create', async () => {
    const requests = [{ custom_id: 'one', params: { model, max_tokens: 100, messages } }];
    return (await anthropic.messages.batches.create({ requests })).id;
  });
  await call(
    'messages.batches.retrieve',
    async () => (await anthropic.messages.batches.retrieve(batch)).processing_status,
  );
  await call('messages.batches.results', async () => {
    const kinds: string[] = [];
    for await (const { custom_id: id, result } of await anthropic.messages.batches.results(batch))
      kinds.push(`${id} ${result.type}`);
    return kinds;
  });
  await call('what the service refuses', () => anthropic.models.retrieve('claude-0'));
  await call('messages.batches.delete', () => anthropic.messages.batches.delete(batch));
  await call('messages.create with another model', () =>
    anthropic.messages.create({ model: 'claude-opus-4-5', max_tokens: 100, messages }),
  );
});
