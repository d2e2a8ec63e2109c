/** What an operation does, guessed from its method and words: a document rarely says it. Wrong ones are overridden. */
import { type Effect, effects } from '../connector.ts';

export interface OperationWords {
  method: string;
  /** The operationId; empty when there is none. */
  id: string;
  path: string;
  summary: string;
}

const sending = words(
  'send resend sends email mail invite reinvite invites publish publishes share shares reply notify broadcast tweet forward announce dm',
);
const deleting = words(
  'delete deletes remove removes purge purges archive archives destroy erase wipe trash empty drop revoke kick truncate terminate uninstall deletes',
);
const reading = words(
  'get gets list lists search searches find query read reads fetch retrieve retrieves count check describe show view download export lookup preview validate test poll is has info returns',
);
const changing = words(
  'create creates add adds update updates set sets edit edits modify patch put replace upload import start stop run enable disable move copy rename assign make insert save register cancel close open approve reject merge sync lock unlock join leave complete mark rotate generate refresh submit upsert change',
);
const messages = words('message messages sms email emails invite invites invitation invitations tweet mail dm');
/** `PostCharges`: the method's name, not what is done. */
const methodWords = words('post');

export function guessEffect(operation: OperationWords): Effect {
  const { method, id, path, summary } = operation;
  if (method === 'HEAD' || method === 'OPTIONS') return 'read';
  if (method === 'DELETE') return 'delete';
  const named = tokens(id === '' ? (path.split('/').findLast((part) => part !== '' && !part.includes('{')) ?? '') : id);
  if (method === 'GET') return guessOfGet(named);
  return verbOf(named) ?? verbOf(tokens(summary).slice(0, 3)) ?? 'write';
}

/** A service whose reads and writes are all GET names what it does first or last: `messages.delete`. */
function guessOfGet(named: string[]): Effect {
  if (named.some((word) => reading.has(word))) return 'read';
  for (const word of [named.at(-1) ?? '', named[0] ?? '']) {
    if (deleting.has(word)) return 'delete';
    if (sending.has(word)) return 'send';
    if (changing.has(word)) return 'write';
  }
  return 'read';
}

/** The first word that is a verb decides; undefined: there is none. */
function verbOf(named: string[]): Effect | undefined {
  for (const [index, word] of named.entries()) {
    const isMessage = named.slice(index + 1).some((later) => messages.has(later));
    if (methodWords.has(word) || word === 'posts' || word === 'schedule') {
      if (isMessage) return 'send';
      continue;
    }
    if (word === 'me' && isMessage) return 'send';
    if (sending.has(word)) return 'send';
    if (deleting.has(word)) return 'delete';
    if (changing.has(word))
      return isMessage && (word === 'create' || word === 'creates' || word === 'add') ? 'send' : 'write';
    if (reading.has(word)) return 'write';
  }
  return undefined;
}

const dangers: [RegExp, Effect[], string][] = [
  [
    /^(?:permissions?|acls?|roles?|collaborators?|owners?|admins?|access|grants?|policy|policies|share[ds]?|sharing)$/,
    ['write', 'delete', 'send'],
    'It changes who has access.',
  ],
  [
    /^(?:charges?|payments?|payouts?|refunds?|transfers?|withdrawals?|purchases?|invoices?|subscriptions?|orders?|checkout)$/,
    ['write', 'delete', 'send'],
    'It may move money or make a contract.',
  ],
  [
    /^(?:tokens?|secrets?|keys?|credentials?|passwords?|certificates?)$/,
    ['read', 'write', 'delete', 'send'],
    'It deals with secrets.',
  ],
  [/^(?:webhooks?|hooks?|forwarding|forwarders?)$/, ['write', 'send'], 'Data leaves to another address from then on.'],
  [/^(?:batch|bulk|all|mass|multiple)$/, ['write', 'delete', 'send'], 'One call touches many things.'],
  [/^(?:export|exports|dump|backup|backups)$/, ['read', 'write'], 'One call reads much at once.'],
  [
    /^(?:users?|members?|accounts?|tenants?|organizations?|orgs?|workspaces?|projects?|repos?|repositories|databases?|buckets?|domains?)$/,
    ['delete'],
    'It takes away a whole account, space or member.',
  ],
];

/** One sentence of what is dangerous; undefined: nothing obvious. */
export function guessDanger({ id, path, method }: OperationWords, effect: Effect): string | undefined {
  const last = path.split('/').findLast((part) => part !== '' && !part.includes('{')) ?? '';
  const named = [...tokens(id), ...tokens(last)];
  const found = dangers.find(([pattern, when]) => when.includes(effect) && named.some((word) => pattern.test(word)));
  if (found) return found[2];
  if (effect === 'send') return 'It reaches people and cannot be taken back.';
  if (effect === 'delete' && method !== 'DELETE') return 'It takes something away although it is no DELETE.';
  return undefined;
}

export const isEffect = (value: unknown): value is Effect => effects.includes(value as Effect);

/** `chat_postMessage`, `users/list-all` and `PostInvoicesSend` as words in lower case. */
function tokens(text: string): string[] {
  return text
    .slice(0, 300)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}
