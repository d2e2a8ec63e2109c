/** Slack's Web API as its reference demands it (docs.slack.dev/apis/web-api): errors are answers with `ok: false` and status 200. */
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { Fault, formParts, jsonObject, mediaType, type ServiceStandIn, serviceStandIn } from './service.ts';

type Args = Record<string, unknown>;

interface Message {
  type: 'message';
  user: string;
  text: string;
  ts: string;
  thread_ts?: string;
}

export interface SlackOptions {
  token: string;
  channels?: Record<string, string>;
}

export interface SlackStandIn extends ServiceStandIn {
  /** By channel, oldest first. */
  messages: Map<string, Message[]>;
  files: Map<string, { name: string; bytes: Buffer; channels: string[] }>;
}

const usersById: Record<string, { id: string; name: string; profile: { email: string } }> = {
  U0123456789: { id: 'U0123456789', name: 'ada', profile: { email: 'ada@example.com' } },
  U0987654321: { id: 'U0987654321', name: 'grace', profile: { email: 'grace@example.com' } },
};

export function slackStandIn({
  token,
  channels = { C0123456789: 'general', C0987654321: 'sales' },
}: SlackOptions): SlackStandIn {
  const messages = new Map(Object.keys(channels).map((id): [string, Message[]] => [id, []]));
  const files: SlackStandIn['files'] = new Map();
  const uploads = new Map<string, { id: string; name: string; length: number; bytes?: Buffer }>();
  let clock = 1_700_000_000;

  const channelOf = (args: Args) => {
    const id = String(args.channel ?? '');
    if (!messages.has(id)) throw failed('channel_not_found', `channel is ${JSON.stringify(args.channel)}`);
    return id;
  };
  const post = (args: Args): Message => {
    if (!args.text && !args.blocks && !args.attachments && !args.markdown_text)
      throw failed('no_text', 'nothing to say');
    const { thread_ts: thread } = args;
    const ts = `${++clock}.000100`;
    return {
      type: 'message',
      user: 'U0BOT',
      text: String(args.text ?? ''),
      ts,
      ...(thread ? { thread_ts: String(thread) } : {}),
    };
  };
  const messageOf = (args: Args) => {
    const id = channelOf(args);
    const found = messages.get(id)!.find(({ ts }) => ts === args.ts);
    if (!found) throw failed('message_not_found', `there is no message ${String(args.ts)}`);
    return { id, found };
  };
  const page = (args: Args, items: unknown[]) => {
    const limit = Number(args.limit ?? 100);
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
      throw failed('invalid_limit', `limit is ${String(args.limit)}`);
    const from = args.cursor ? Number(Buffer.from(String(args.cursor), 'base64').toString()) : 0;
    const next = from + limit < items.length ? Buffer.from(String(from + limit)).toString('base64') : '';
    return { items: items.slice(from, from + limit), response_metadata: { next_cursor: next } };
  };

  const methods: Record<string, (args: Args) => object> = {
    'auth.test': () => ({
      url: 'https://example.slack.com/',
      team: 'Example',
      user: 'bot',
      team_id: 'T0',
      user_id: 'U0BOT',
    }),
    'conversations.list': (args) => {
      const { items, response_metadata } = page(
        args,
        Object.entries(channels).map(([id, name]) => ({ id, name, is_channel: true })),
      );
      return { channels: items, response_metadata };
    },
    'conversations.info': (args) => ({ channel: { id: channelOf(args), name: channels[channelOf(args)] } }),
    'conversations.history': (args) => {
      const { items, response_metadata } = page(args, [...messages.get(channelOf(args))!].reverse());
      return { messages: items, has_more: response_metadata.next_cursor !== '', response_metadata };
    },
    'conversations.members': (args) => {
      channelOf(args);
      const { items, response_metadata } = page(args, Object.keys(usersById));
      return { members: items, response_metadata };
    },
    'users.info': (args) => {
      const user = usersById[String(args.user)];
      if (!user) throw failed('user_not_found', `user is ${String(args.user)}`);
      return { user };
    },
    'chat.postMessage': (args) => {
      const id = channelOf(args);
      const message = post(args);
      messages.get(id)!.push(message);
      return { channel: id, ts: message.ts, message };
    },
    'chat.update': (args) => {
      const { id, found } = messageOf(args);
      found.text = String(args.text ?? found.text);
      return { channel: id, ts: found.ts, text: found.text };
    },
    'chat.delete': (args) => {
      const { id, found } = messageOf(args);
      messages.set(
        id,
        messages.get(id)!.filter((one) => one !== found),
      );
      return { channel: id, ts: found.ts };
    },
    'reactions.add': (args) => {
      messageOf({ ...args, ts: args.timestamp });
      if (!/^[a-z0-9_+'-]+$/.test(String(args.name))) throw failed('invalid_name', `name is ${String(args.name)}`);
      return {};
    },
    'files.getUploadURLExternal': (args) => {
      const length = Number(args.length);
      if (!args.filename || !Number.isInteger(length) || length < 1)
        throw failed('invalid_arguments', 'filename and length');
      const ticket = `ticket${uploads.size + 1}`;
      const id = `F${String(uploads.size + 1).padStart(10, '0')}`;
      uploads.set(ticket, { id, name: String(args.filename), length });
      return { upload_url: `https://files.slack.com/upload/v1/${ticket}`, file_id: id };
    },
    'files.completeUploadExternal': (args) => {
      const list: unknown = typeof args.files === 'string' ? JSON.parse(args.files) : args.files;
      if (!Array.isArray(list) || list.length === 0) throw failed('invalid_arguments', 'files must be a list');
      const named = [args.channel_id, ...String(args.channels ?? '').split(',')].filter(Boolean).map(String);
      for (const id of named) channelOf({ channel: id });
      for (const { id } of list as { id: string }[]) {
        const upload = [...uploads.values()].find((one) => one.id === id);
        if (!upload?.bytes) throw failed('file_not_found', `no bytes for ${id}`);
        files.set(id, { name: upload.name, bytes: upload.bytes, channels: named });
      }
      return { files: (list as { id: string }[]).map(({ id }) => ({ id, title: files.get(id)!.name })) };
    },
  };

  function upload(request: SeenRequest, ticket: string): StandInAnswer {
    const known = uploads.get(ticket);
    if (request.method !== 'POST' || !known) throw new Fault('no such upload', { status: 404 });
    const bytes = formParts(request)?.values().next().value?.body ?? request.body;
    if (bytes.length !== known.length) throw new Fault(`${bytes.length} bytes, not ${known.length}`, { status: 400 });
    known.bytes = bytes;
    return { body: `OK - ${known.length}` };
  }

  const service = serviceStandIn(['slack.com', 'files.slack.com'], (request, { pathname, segments, query }) => {
    if (pathname.startsWith('/upload/v1/')) return upload(request, segments[2]!);
    if (request.method !== 'POST' && request.method !== 'GET') throw new Fault('method', { status: 405 });
    const method = segments[0] === 'api' && segments.length === 2 ? methods[segments[1]!] : undefined;
    if (!method) throw failed('unknown_method', pathname);
    const args = { ...Object.fromEntries(query), ...(request.method === 'POST' ? argsOf(request) : {}) };
    if (args.token !== undefined) throw failed('invalid_auth', 'a token among the arguments');
    const authorization = request.headers.authorization;
    if (authorization === undefined) throw failed('not_authed', 'no Authorization');
    if (authorization !== `Bearer ${token}`)
      throw failed('invalid_auth', `Authorization is ${authorization.slice(0, 12)}...`);
    return { body: { ok: true, ...method(args) } };
  });
  return { ...service, messages, files };
}

/** Arguments of a POST: a form, or JSON, which must name its charset. */
function argsOf(request: SeenRequest): Args {
  const type = mediaType(request);
  if (request.body.length === 0 && type === '') return {};
  if (type === 'application/x-www-form-urlencoded')
    return Object.fromEntries(new URLSearchParams(request.body.toString()));
  const object = jsonObject(request);
  if (object && /;\s*charset=utf-8/i.test(request.headers['content-type'] ?? '')) return object;
  if (object) throw failed('missing_charset', 'JSON without a charset');
  const form = formParts(request);
  if (form) return Object.fromEntries([...form].map(([name, part]) => [name, part.body.toString()]));
  throw failed(type === '' ? 'missing_post_type' : 'invalid_post_type', `content-type ${type}`);
}

const failed = (error: string, why: string) => new Fault(`${error}: ${why}`, { body: { ok: false, error } });
