/** OpenAI's API as its reference demands it: bearer token, JSON bodies, multipart for files, errors as `{error: {...}}`. */
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { Fault, formParts, jsonObject, type ServiceStandIn, serviceStandIn, type Target } from './service.ts';

const models = ['gpt-5-mini', 'gpt-5', 'text-embedding-3-small', 'whisper-1', 'omni-moderation-latest'];
const roles = ['developer', 'system', 'user', 'assistant', 'tool', 'function'];

export interface OpenAiStandIn extends ServiceStandIn {
  files: Map<string, { filename: string; purpose: string; bytes: Buffer }>;
}

export function openAiStandIn({
  token,
  names = ['api.openai.com'],
}: {
  token: string;
  names?: string[];
}): OpenAiStandIn {
  const files: OpenAiStandIn['files'] = new Map();

  const service = serviceStandIn(names, (request, target) => {
    const { authorization } = request.headers;
    if (authorization === undefined) throw failed(401, 'no Authorization', null);
    if (authorization !== `Bearer ${token}`) throw failed(401, 'wrong key', 'invalid_api_key');
    return routes(request, target);
  });

  function routes(request: SeenRequest, { pathname, segments }: Target): StandInAnswer {
    const [version, kind, id, more] = segments;
    const route = `${request.method} ${pathname}`;
    if (version !== 'v1') throw failed(404, `unknown path ${pathname}`, null);
    if (route === 'GET /v1/models') return { body: { object: 'list', data: models.map(model) } };
    if (request.method === 'GET' && kind === 'models' && id) return { body: model(known(id)) };
    if (route === 'POST /v1/chat/completions') return chat(bodyOf(request));
    if (route === 'POST /v1/responses') return response(bodyOf(request));
    if (route === 'POST /v1/embeddings') return embeddings(bodyOf(request));
    if (route === 'POST /v1/moderations') return moderations(bodyOf(request));
    if (route === 'POST /v1/audio/transcriptions') return transcription(request);
    if (route === 'POST /v1/files') return upload(request);
    if (route === 'GET /v1/files')
      return { body: { object: 'list', data: [...files.keys()].map(file), has_more: false } };
    if (kind === 'files' && id !== undefined) return oneFile(request.method, id, more);
    throw failed(404, `unknown path ${route}`, null);
  }

  function upload(request: SeenRequest): StandInAnswer {
    const parts = formParts(request);
    const content = parts?.get('file');
    const purpose = parts?.get('purpose')?.body.toString();
    const filename = /filename="([^"]*)"/.exec(content?.headers['content-disposition'] ?? '')?.[1];
    if (!content || !filename) throw failed(400, "'file' is a required property", null);
    if (!purpose || !['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'].includes(purpose))
      throw failed(400, `purpose is ${purpose}`, null);
    const id = `file-${files.size + 1}`;
    files.set(id, { filename, purpose, bytes: content.body });
    return { body: file(id) };
  }

  function oneFile(method: string, id: string, more: string | undefined): StandInAnswer {
    const found = files.get(id);
    if (!found) throw failed(404, `no file ${id}`, null);
    if (method === 'GET' && more === 'content')
      return { headers: { 'content-type': 'application/octet-stream' }, body: found.bytes };
    if (more !== undefined) throw failed(404, `unknown path of a file: ${more}`, null);
    if (method === 'GET') return { body: file(id) };
    if (method !== 'DELETE') throw failed(405, `method ${method}`, null);
    files.delete(id);
    return { body: { id, object: 'file', deleted: true } };
  }

  const file = (id: string) => {
    const { filename, purpose, bytes } = files.get(id)!;
    return {
      id,
      object: 'file',
      bytes: bytes.length,
      created_at: 1_700_000_000,
      filename,
      purpose,
      status: 'processed',
    };
  };

  return { ...service, files };
}

const model = (id: string) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'openai' });

function known(id: unknown): string {
  if (id === undefined) throw failed(400, 'you must provide a model parameter', null);
  if (typeof id !== 'string' || !models.includes(id)) throw failed(404, `no model ${String(id)}`, 'model_not_found');
  return id;
}

function bodyOf(request: SeenRequest): Record<string, any> {
  const body = jsonObject(request);
  if (!body) throw failed(400, 'the body is not a JSON object', null);
  return body;
}

function chat(body: Record<string, any>): StandInAnswer {
  const id = known(body.model);
  if (!Array.isArray(body.messages) || body.messages.length === 0) throw failed(400, 'messages', null);
  for (const message of body.messages)
    if (!roles.includes(message?.role)) throw failed(400, `role ${String(message?.role)}`, 'invalid_value');
  const base = { id: 'chatcmpl-1', created: 1_700_000_000, model: id };
  const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
  if (body.stream !== true) {
    const message = { role: 'assistant', content: 'Hello there', refusal: null };
    const choices = [{ index: 0, message, finish_reason: 'stop', logprobs: null }];
    return { body: { ...base, object: 'chat.completion', choices, usage } };
  }
  const chunk = (delta: object, finish: string | null) => ({
    ...base,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }],
  });
  const chunks = [
    chunk({ role: 'assistant', content: '' }, null),
    chunk({ content: 'Hello' }, null),
    chunk({ content: ' there' }, null),
    chunk({}, 'stop'),
  ];
  return eventStream([...chunks.map((one) => `data: ${JSON.stringify(one)}\n\n`), 'data: [DONE]\n\n']);
}

function response(body: Record<string, any>): StandInAnswer {
  const id = known(body.model);
  if (body.input === undefined && body.prompt === undefined) throw failed(400, 'input', null);
  const content = [{ type: 'output_text', text: 'Hello there', annotations: [] }];
  const output = [{ type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content }];
  const whole = { id: 'resp_1', object: 'response', created_at: 1_700_000_000, status: 'completed', model: id, output };
  if (body.stream !== true) return { body: whole };
  const events = [
    { type: 'response.created', sequence_number: 0, response: { ...whole, status: 'in_progress', output: [] } },
    {
      type: 'response.output_text.delta',
      sequence_number: 1,
      item_id: 'msg_1',
      output_index: 0,
      content_index: 0,
      delta: 'Hello there',
    },
    { type: 'response.completed', sequence_number: 2, response: whole },
  ];
  return eventStream(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));
}

function embeddings(body: Record<string, any>): StandInAnswer {
  const id = known(body.model);
  const inputs = Array.isArray(body.input) ? body.input : [body.input];
  if (inputs.some((one: unknown) => typeof one !== 'string' || one === '')) throw failed(400, 'input', null);
  const numbers = Float32Array.of(0.25, -0.5, 1);
  // The official client asks for base64 and decodes it.
  const embedding = body.encoding_format === 'base64' ? Buffer.from(numbers.buffer).toString('base64') : [...numbers];
  const data = inputs.map((_one: unknown, index: number) => ({ object: 'embedding', index, embedding }));
  return { body: { object: 'list', data, model: id, usage: { prompt_tokens: 3, total_tokens: 3 } } };
}

function moderations(body: Record<string, any>): StandInAnswer {
  if (body.input === undefined) throw failed(400, 'input', null);
  const result = { flagged: false, categories: { violence: false }, category_scores: { violence: 0.01 } };
  return { body: { id: 'modr-1', model: 'omni-moderation-latest', results: [result] } };
}

function transcription(request: SeenRequest): StandInAnswer {
  const parts = formParts(request);
  if (!parts?.get('file')?.body.length) throw failed(400, "'file' is a required property", null);
  known(parts.get('model')?.body.toString());
  return { body: { text: 'Hello there' } };
}

const eventStream = (pieces: string[]): StandInAnswer => ({
  headers: { 'content-type': 'text/event-stream; charset=utf-8' },
  body: pieces.join(''),
});

const failed = (status: number, message: string, code: string | null) =>
  new Fault(`${status} ${message}`, {
    status,
    body: { error: { message, type: 'invalid_request_error', param: null, code } },
  });
