/** Headers on their way: what a guest may send, and what of a service's answer it may see. */
import { EgressError } from './egress.ts';

const MAX_HEADERS = 100;
const MAX_BYTES = 16 * 1024;

/** RFC 9110, section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110, section 5.5: no control characters but the tab; one character is one byte. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;
const notPlain = /[^a-z0-9-]/;

export const isHeader = (name: string, value: string): boolean => token.test(name) && fieldValue.test(value);

/**
 * What becomes of a request's header, by its name with `-` for all that is no letter or digit: servers hand headers on as
 * variables, where those become one character. `stay`: they speak of one connection, or are written anew by the one outward
 * (RFC 9110, section 7.6.1), or say where a request came from, which is nobody's to claim. `disguise`: they change method,
 * path or host behind the gate's back (Rails, Symfony, IIS, WebDAV gateways, caches). `list`: may be given more than once.
 */
const fates: ReadonlyMap<string, 'stay' | 'disguise' | 'credential' | 'list'> = new Map([
  ...[
    ...['accept-encoding', 'connection', 'content-length', 'expect', 'host', 'http2-settings', 'keep-alive', 'te'],
    ...['proxy-connection', 'trailer', 'transfer-encoding', 'upgrade', 'alt-used', 'via', 'forwarded', 'x-real-ip'],
    ...['x-forwarded', 'x-client-ip', 'x-cluster-client-ip', 'true-client-ip', 'x-originating-ip', 'cf-connecting-ip'],
    ...['fastly-client-ip'],
  ].map((name) => [name, 'stay'] as const),
  ...[
    ...['x-method', 'x-http-method', 'x-method-override', 'x-http-method-override', 'x-original-url', 'x-original-uri'],
    ...['x-original-method', 'x-original-host', 'x-rewrite-url', 'x-host', 'x-override-url'],
  ].map((name) => [name, 'disguise'] as const),
  ...['cookie', 'cookie2', 'proxy-authorization'].map((name) => [name, 'credential'] as const),
  ...[
    ...['accept', 'accept-charset', 'accept-language', 'cache-control', 'if-match', 'if-none-match', 'link', 'prefer'],
  ].map((name) => [name, 'list'] as const),
]);
const stays = (plain: string) =>
  plain.startsWith('proxy-') || plain.startsWith('x-forwarded-') || plain.startsWith('cordon-');

/** Of an answer. Cookies are not kept for a guest; another way to the service is no way past the gate. */
const unseen: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect', 'host'],
  ...['alt-svc', 'content-encoding', 'set-cookie', 'set-cookie2'],
]);

export interface CleanHeaders {
  /** Lower-case names; judge these, not what the guest gave. */
  headers: [string, string][];
  /** What the guest wrote in `cordon-connector`. */
  connector: string | undefined;
}

/**
 * What a guest's request may carry outward. Authorization and its like are left for whoever adds the credential to judge.
 * Errors: EgressError `invalid_request`.
 */
export function cleanRequestHeaders(given: readonly (readonly [string, string])[], url: URL): CleanHeaders {
  if (given.length > MAX_HEADERS) throw invalid(`a request has at most ${MAX_HEADERS} headers`);
  let bytes = 0;
  const named = new Set<string>();
  const fields: [string, string][] = [];
  for (const [written, text] of given) {
    if (!token.test(written)) throw invalid('a header has a name that is no token');
    if (!fieldValue.test(text)) throw invalid(`the header ${written} holds a control character, or one beyond U+00FF`);
    bytes += written.length + text.length + 4;
    const name = written.toLowerCase();
    if (name === 'connection') addOptions(named, text);
    fields.push([name, trimmed(text)]);
  }
  if (bytes > MAX_BYTES) throw invalid(`the headers of a request have at most ${MAX_BYTES} bytes`);

  const headers: [string, string][] = [];
  const seen = new Set<string>();
  let connector: string | undefined;
  let encoding = 'gzip, deflate, br, zstd';
  for (const field of fields) {
    const [name, value] = field;
    const plain = notPlain.test(name) ? name.replaceAll(/[^a-z0-9]/g, '-') : name;
    const fate = fates.get(plain);
    if (fate === 'disguise') throw invalid(`the header ${name} would make another request of this one`);
    if (fate === 'credential') throw invalid(`the header ${name} is refused: credentials are added by the gate`);
    if (plain === 'host') checkHost(value, url);
    if (plain === 'upgrade' && /websocket/i.test(value)) throw invalid('WebSockets do not pass the gate');
    if (fate !== 'list' && plain !== 'accept-encoding' && seen.has(plain))
      throw invalid(`the header ${name} is given twice`);
    seen.add(plain);
    if (name === 'cordon-connector') connector = value;
    if (name === 'range' || (name === 'accept-encoding' && value === 'identity')) encoding = 'identity';
    if (fate !== 'stay' && !stays(plain) && !named.has(name)) headers.push(field);
  }
  if (!seen.has('accept')) headers.push(['accept', '*/*']);
  // Some services refuse whoever does not say what it is.
  if (!seen.has('user-agent')) headers.push(['user-agent', 'cordon']);
  headers.push(['accept-encoding', encoding]);
  return { headers, connector };
}

function checkHost(value: string, { host }: URL): void {
  const lower = value.toLowerCase();
  if (lower !== host && lower !== `${host}:443`) throw invalid('the header host names another host than the URL');
}

/**
 * What a guest sees of an answer whose body is decoded: nothing of the connection, no cookies, nothing that looks as if
 * Cordon had said it. Lower-case names.
 */
export function cleanResponseHeaders(received: readonly (readonly [string, string])[]): [string, string][] {
  const named = new Set<string>();
  let isEncoded = false;
  const fields: [string, string][] = [];
  for (const [written, value] of received) {
    const name = written.toLowerCase();
    if (name === 'connection') addOptions(named, value);
    if (name === 'content-encoding' && trimmed(value).toLowerCase() !== 'identity') isEncoded = true;
    if (!unseen.has(name) && !name.startsWith('proxy-') && !name.startsWith('cordon-'))
      fields.push([name, trimmed(value)]);
  }
  if (named.size === 0 && !isEncoded) return fields;
  return fields.filter(([name]) => !named.has(name) && !(name === 'content-length' && isEncoded));
}

/** Names of headers that are of this connection alone. */
function addOptions(named: Set<string>, value: string): void {
  for (const option of value.toLowerCase().split(',')) named.add(trimmed(option));
}

/** Of the blanks of HTTP alone. */
const trimmed = (text: string) => (/^[\t ]|[\t ]$/.test(text) ? text.replace(/^[\t ]+|[\t ]+$/g, '') : text);

const invalid = (message: string) => new EgressError('invalid_request', message);
