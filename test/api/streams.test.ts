import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventStream } from '../../api/sse.ts';
import type { RunEvent } from '../../runtime/run/record.ts';
import { type Service, slowCode, startService } from './service.ts';

let service: Service;
let url: string;
beforeAll(async () => {
  service = await startService();
  url = await service.listen();
});
afterAll(() => service.close());

const post = (path: string, code: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${service.operator}`, ...headers },
    body: JSON.stringify({ language: 'javascript', code, metadata: { code: code.slice(0, 20) } }),
    ...(signal && { signal }),
  });
const newest = async () => (await service.call('GET', '/v1/runs?limit=1')).json.items[0];
const statusOf = async (id: string) => (await service.call('GET', `/v1/runs/${id}`)).json.status;

test('an event reaches the client while the guest still runs', async () => {
  const response = await post('/v1/runs', `console.log("now"); ${slowCode(1500)}`, { accept: 'text/event-stream' });
  const id = response.headers.get('location')?.split('/').at(-1) ?? '';
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (!text.includes('event: stdout')) continue;
    expect(await statusOf(id)).toBe('running');
    break;
  }
  // The client went away: its run goes on to its own end.
  await expect.poll(() => statusOf(id)).toBe('succeeded');
});

test.each([
  ['waits', {}],
  ['streams', { accept: 'text/event-stream' }],
])('a caller that %s and disconnects ends its run only when it said so', async (_how, headers) => {
  for (const [query, end] of [
    ['?onDisconnect=cancel', 'cancelled'],
    ['', 'succeeded'],
  ] as const) {
    const gone = new AbortController();
    const before = (await newest())?.id;
    const request = post(`/v1/runs${query}`, slowCode(end === 'cancelled' ? 30_000 : 3000), headers, gone.signal)
      .then((response) => response.text())
      .catch(() => {});
    await expect.poll(async () => (await newest())?.id).not.toBe(before);
    const { id } = await newest();
    await expect.poll(() => statusOf(id)).toBe('running');
    gone.abort();
    await request;
    await expect.poll(() => statusOf(id)).toBe(end);
  }
});

test('a body whose sender goes away changes nothing', async () => {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    `PUT /v1/agents/default/files/half HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${service.operator}\r\ncontent-length: 100\r\n\r\nhalf of it`,
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await service.call('GET', '/v1/agents/default/files/half')).status).toBe(404);
});

test('a body that announces more than the limit is refused before it is sent', async () => {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    `POST /v1/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${service.operator}\r\ncontent-length: 999999999999\r\n\r\n`,
  );
  const answer = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  socket.destroy();
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
});

test('a file of 64 MB passes through in both directions', async () => {
  const size = 64 * 1024 * 1024;
  async function* zeros() {
    for (let sent = 0; sent < size; sent += 1024 * 1024) yield new Uint8Array(1024 * 1024);
  }
  const headers = { authorization: `Bearer ${service.operator}` };
  const at = `${url}/v1/agents/default/files/big`;
  const put = await fetch(at, {
    method: 'PUT',
    headers,
    body: ReadableStream.from(zeros()) as never,
    duplex: 'half',
  } as RequestInit);
  expect(put.status).toBe(201);
  const response = await fetch(at, { headers });
  let bytes = 0;
  for await (const chunk of response.body ?? []) bytes += chunk.length;
  expect(bytes).toBe(size);
});

async function* events(count: number, taken: { count: number }): AsyncGenerator<RunEvent> {
  for (let seq = 1; seq <= count; seq++) {
    taken.count = seq;
    yield { seq, at: '2026-01-01T00:00:00.000Z', type: 'stdout', text: 'x' } as RunEvent;
  }
}
const quiet = { onDisconnect() {}, onError() {} };

test('a client that does not read holds the source back', async () => {
  const taken = { count: 0 };
  const reader = eventStream(events(1000, taken), quiet).getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(taken.count).toBeLessThan(5);
  await reader.cancel();
});

test('a quiet stream carries comments, and a failing source ends it without its message', async () => {
  const errors: unknown[] = [];
  async function* failing(): AsyncGenerator<RunEvent> {
    await new Promise((resolve) => setTimeout(resolve, 60));
    throw new Error('secret path /var/lib');
  }
  const stream = eventStream(failing(), { ...quiet, onError: (error) => errors.push(error), heartbeatMs: 20 });
  const text = await new Response(stream).text();
  expect(text).toMatch(/^(:\n\n)+$/);
  expect(errors).toHaveLength(1);
});
