/** Anthropic's API as its reference demands it: the headers x-api-key and anthropic-version, JSON, errors as `{type: 'error', error}`. */
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { Fault, jsonObject, type ServiceStandIn, serviceStandIn, type Target } from './service.ts';

type Fields = Record<string, any>;

const models = ['claude-haiku-4-5', 'claude-opus-4-5'];
const usage = { input_tokens: 9, output_tokens: 3 };

export interface AnthropicStandIn extends ServiceStandIn {
  /** Requests by batch. */
  batches: Map<string, Fields[]>;
}

export function anthropicStandIn({ token }: { token: string }): AnthropicStandIn {
  const batches: AnthropicStandIn['batches'] = new Map();

  const service = serviceStandIn(['api.anthropic.com'], (request, target) => {
    const { headers } = request;
    if (headers['x-api-key'] === undefined) throw failed(401, 'authentication_error', 'x-api-key header is required');
    if (headers['x-api-key'] !== token || headers.authorization !== undefined)
      throw failed(401, 'authentication_error', 'invalid x-api-key');
    if (!/^20\d\d-\d\d-\d\d$/.test(headers['anthropic-version'] ?? ''))
      throw failed(400, 'invalid_request_error', 'anthropic-version: header is required');
    return routes(request, target);
  });

  function routes(request: SeenRequest, { pathname, segments, query }: Target): StandInAnswer {
    const route = `${request.method} ${pathname}`;
    const [, kind, id, more, last] = segments;
    if (route === 'POST /v1/messages') return message(bodyOf(request));
    if (route === 'POST /v1/messages/count_tokens') {
      checkMessages(bodyOf(request));
      return { body: { input_tokens: usage.input_tokens } };
    }
    if (route === 'GET /v1/models') return { body: page(query) };
    if (request.method === 'GET' && kind === 'models' && id !== undefined) return { body: model(known(id)) };
    if (route === 'POST /v1/messages/batches') return { body: createBatch(bodyOf(request)) };
    if (kind === 'messages' && id === 'batches' && more !== undefined) return oneBatch(request.method, more, last);
    throw failed(404, 'not_found_error', route);
  }

  function createBatch({ requests }: Fields): Fields {
    if (!Array.isArray(requests) || requests.length === 0)
      throw failed(400, 'invalid_request_error', 'requests: field required');
    for (const { custom_id: id, params } of requests) {
      if (typeof id !== 'string' || !/^[\w-]{1,64}$/.test(id)) throw failed(400, 'invalid_request_error', 'custom_id');
      checkMessage(params ?? {});
    }
    const id = `msgbatch_${batches.size + 1}`;
    batches.set(id, requests);
    return batch(id);
  }

  function oneBatch(method: string, id: string, more: string | undefined): StandInAnswer {
    const requests = batches.get(id);
    if (!requests) throw failed(404, 'not_found_error', `no batch ${id}`);
    if (method === 'GET' && more === undefined) return { body: batch(id) };
    if (method === 'DELETE' && more === undefined) {
      batches.delete(id);
      return { body: { id, type: 'message_batch_deleted' } };
    }
    if (method !== 'GET' || more !== 'results') throw failed(404, 'not_found_error', `${method} ${more}`);
    const lines = requests.map(({ custom_id, params }) =>
      JSON.stringify({ custom_id, result: { type: 'succeeded', message: whole(params.model) } }),
    );
    return { headers: { 'content-type': 'application/x-jsonl' }, body: `${lines.join('\n')}\n` };
  }

  const batch = (id: string): Fields => ({
    id,
    type: 'message_batch',
    processing_status: 'ended',
    request_counts: { processing: 0, succeeded: batches.get(id)!.length, errored: 0, canceled: 0, expired: 0 },
    created_at: '2026-01-01T00:00:00Z',
    results_url: `https://api.anthropic.com/v1/messages/batches/${id}/results`,
  });

  return { ...service, batches };
}

const model = (id: string) => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' });

/** One model on each page. */
function page(query: URLSearchParams): Fields {
  const after = query.get('after_id');
  const at = after === null ? 0 : models.indexOf(after) + 1;
  const id = models[at]!;
  return { data: [model(id)], first_id: id, last_id: id, has_more: at + 1 < models.length };
}

function known(id: unknown): string {
  if (typeof id === 'string' && models.includes(id)) return id;
  throw failed(404, 'not_found_error', `model: ${String(id)}`);
}

function bodyOf(request: SeenRequest): Fields {
  const body = jsonObject(request);
  if (!body) throw failed(400, 'invalid_request_error', 'the body is not a JSON object');
  return body;
}

function checkMessages({ model: id, messages }: Fields): void {
  if (id === undefined) throw failed(400, 'invalid_request_error', 'model: Field required');
  known(id);
  if (!Array.isArray(messages) || messages.length === 0)
    throw failed(400, 'invalid_request_error', 'messages: at least one message is required');
  for (const { role, content } of messages)
    if (!['user', 'assistant'].includes(role) || content === undefined)
      throw failed(400, 'invalid_request_error', `messages: role ${String(role)}`);
}

function checkMessage(body: Fields): void {
  checkMessages(body);
  if (!Number.isInteger(body.max_tokens) || body.max_tokens < 1)
    throw failed(400, 'invalid_request_error', 'max_tokens: Field required');
}

const whole = (id: string) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: id,
  content: [{ type: 'text', text: 'Hello there' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage,
});

function message(body: Fields): StandInAnswer {
  checkMessage(body);
  if (body.stream !== true) return { body: whole(body.model) };
  const delta = (text: string) => ({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'text_delta', text },
  });
  const events = [
    { type: 'message_start', message: { ...whole(body.model), content: [], stop_reason: null } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    delta('Hello'),
    delta(' there'),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 3 } },
    { type: 'message_stop' },
  ];
  return {
    headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    body: events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
  };
}

const failed = (status: number, type: string, text: string) =>
  new Fault(`${status} ${type}: ${text}`, { status, body: { type: 'error', error: { type, message: text } } });
