/** A guest's own credential never travels: calls are made in the name that the grant says, or not at all. */
import type { Connector, Operation } from '../../connector/connector.ts';
import type { CallParameters } from '../../permission/grant.ts';
import { EgressError } from '../egress.ts';
import {
  isCredentialHeader,
  isCredentialParameter,
  isForeignName,
  plainHeader,
  plainParameter,
  wordsOf,
} from './foreign-names.ts';

/** What a guest writes where its client insists on a token. It is taken out, and the real one put in. */
export const placeholder = 'cordon';

/** Of a form: what takes more is not looked through. */
const MAXIMUM_FIELDS = 10_000;
const MAXIMUM_NAME = 1000;

/** What the request is. Without an operation no name is listed; without a body none is looked at. */
export interface ForeignCall {
  operation?: Pick<Operation, 'path' | 'parameters' | 'rawBody' | 'rpc'>;
  body?: Uint8Array | undefined;
}

/** Of a request that was looked through: only `refuseForeignCredential` makes one, and only to one is a credential added. */
export interface CleanRequest {
  headers: [string, string][];
  url: URL;
  readonly [isClean]: true;
}

declare const isClean: unique symbol;

/**
 * The request without credentials: placeholders are taken out, everything else stays as it was written.
 * A name that looks like a credential, or like one by which a service acts for somebody else, passes when the operation
 * lists it: then it belongs to the call, and a constraint can name it.
 * Errors: EgressError `invalid_request` when the guest brings a credential; the message names its place, not its value.
 */
export function refuseForeignCredential(
  connector: Pick<Connector, 'auth' | 'foreignCredentialFields'>,
  headers: readonly [string, string][],
  url: URL,
  { operation, body }: ForeignCall = {},
): CleanRequest {
  const { auth, foreignCredentialFields = [] } = connector;
  const own = auth.type === 'header' ? { name: plainHeader(auth.name), prefix: auth.prefix ?? '' } : undefined;
  const kept = headers.filter(([name, value]) => {
    const plain = plainHeader(name);
    const isSure = plain === own?.name || isCredentialHeader(plain);
    if (!isSure && (!isForeignName(plain) || isListedHeader(operation, plain))) return true;
    if (isPlaceholder(value, plain === own?.name ? own.prefix : '')) return false;
    throw isSure ? brought(`the header ${name.toLowerCase()}`) : unlisted('header', name.toLowerCase());
  });
  if (body && !operation?.rawBody) refuseForeignForm(operation, headers, body);
  const sure = new Set([...foreignCredentialFields, ...(auth.type === 'query' ? [auth.name] : [])].map(plainParameter));
  return { headers: kept, url: withoutPlaceholder(sure, operation, url) } as CleanRequest;
}

/** Of MCP: a header that repeats an argument of the call, which was compared with it. */
const isListedHeader = (operation: ForeignCall['operation'], plain: string): boolean =>
  (operation?.rpc !== undefined && plain.startsWith('mcp-param-')) || lists(operation, 'header', plain, plainHeader);

function lists(
  operation: ForeignCall['operation'],
  place: 'header' | 'query' | 'body',
  plain: string,
  plainOf: (name: string) => string,
): boolean {
  if (!operation) return false;
  const isIt = (name: string) => plainOf(name) === plain;
  if (operation.parameters.some((one) => one.in === place && [one.name, ...(one.aliases ?? [])].some(isIt)))
    return true;
  // What the query must have to be this operation.
  const wanted = place === 'query' ? operation.path.split('?')[1] : undefined;
  return wanted?.split('&').some((piece) => isIt(fieldOf(piece)[0])) ?? false;
}

/** RFC 6750, section 2.2, and what other schemes took over from it. */
function refuseForeignForm(
  operation: ForeignCall['operation'],
  headers: readonly [string, string][],
  body: Uint8Array,
): void {
  const isForm = ([name, value]: [string, string]) =>
    plainHeader(name) === 'content-type' && /x-www-form-urlencoded/i.test(value);
  if (body.byteLength === 0 || !headers.some(isForm)) return;
  if (headers.some(([name, value]) => plainHeader(name) === 'content-encoding' && !/^identity$/i.test(value.trim())))
    throw unseen('the form is compressed');
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let fields = 0;
  for (let at = 0; at <= bytes.length; fields++) {
    if (fields === MAXIMUM_FIELDS) throw unseen(`the form has over ${MAXIMUM_FIELDS} fields`);
    const end = bytes.indexOf('&', at);
    const field = bytes.toString('latin1', at, Math.min(end === -1 ? bytes.length : end, at + MAXIMUM_NAME));
    // Some services still part a form at semicolons.
    for (const piece of field.split(';')) {
      const [name, value] = fieldOf(piece);
      const plain = plainParameter(name);
      if (isCredentialParameter(plain) && value !== placeholder && !lists(operation, 'body', plain, plainParameter))
        throw brought(`the field ${plain} of the body`);
    }
    if (end === -1) break;
    at = end + 1;
  }
}

/** `cordon`, `Bearer cordon`, `Basic` of `anyone:cordon` or `cordon:`, and a signature of the access key `cordon`. */
function isPlaceholder(value: string, prefix: string): boolean {
  const text = value.trim();
  if (text === placeholder || text === `${prefix}${placeholder}`) return true;
  const basic = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(text)?.[1];
  if (basic !== undefined) {
    const [user, ...password] = Buffer.from(basic, 'base64').toString().split(':');
    return password.join(':') === placeholder || (user === placeholder && password.join(':') === '');
  }
  if (/^AWS4-[A-Z0-9-]+ +Credential=cordon\//.test(text)) return true;
  return /^[A-Za-z][A-Za-z0-9-]* +cordon$/.test(text);
}

/**
 * The same for the fields of a body, which is not rewritten: a placeholder there stays, and the service makes of it what it will.
 * Errors: EgressError `invalid_request`, also when the body cannot be read.
 */
export function refuseForeignFields(
  { foreignCredentialFields = [] }: Pick<Connector, 'foreignCredentialFields'>,
  parameters: Pick<CallParameters, 'values'>,
): void {
  for (const name of foreignCredentialFields) {
    const { found, unreadable } = parameters.values(name);
    if (unreadable !== undefined) throw unseen(`${unreadable} (${name})`);
    if (found.some((value) => value !== placeholder)) throw brought(`the parameter ${name}`);
  }
}

function withoutPlaceholder(sure: ReadonlySet<string>, operation: ForeignCall['operation'], url: URL): URL {
  if (url.search === '') return url;
  /** Text: the name by which a piece is refused. */
  const foreign = (piece: string): { isSure: boolean; name: string } | undefined => {
    const [name] = fieldOf(piece);
    const plain = plainParameter(name);
    if (sure.has(plain) || isCredentialParameter(plain)) return { isSure: true, name };
    if (!isForeignName(wordsOf(name)) || lists(operation, 'query', plain, plainParameter)) return undefined;
    return { isSure: false, name };
  };
  const pieces = url.search.slice(1).split('&');
  const kept = pieces.filter((piece) => {
    // Some services still part a query at semicolons.
    const parts = piece.includes(';') ? [piece, ...piece.split(';')] : [piece];
    const found = parts.map(foreign).find((one) => one !== undefined);
    if (!found) return true;
    if (foreign(piece) && fieldOf(piece)[1] === placeholder) return false;
    throw found.isSure ? brought('the query') : unlisted('query', shown(found.name));
  });
  if (kept.length === pieces.length) return url;
  const clean = new URL(url);
  clean.search = kept.join('&');
  return clean;
}

/** Name and value of `name=value`, decoded. */
function fieldOf(piece: string): [string, string] {
  const equals = piece.indexOf('=');
  return equals === -1 ? [decoded(piece), ''] : [decoded(piece.slice(0, equals)), decoded(piece.slice(equals + 1))];
}

function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

const brought = (place: string) =>
  new EgressError(
    'invalid_request',
    `${place} carries a credential of the request's own: leave it out, the gate adds the connector's; a client that insists on one is given the word ${placeholder}`,
  );

const unlisted = (place: 'header' | 'query', name: string) =>
  new EgressError(
    'invalid_request',
    `by ${place === 'header' ? 'the header' : 'the query parameter'} ${name} a service may take another credential, or act for somebody else, than the grant says: leave it out, or have the operation list it among its parameters ({"name": "${name}", "in": "${place}"}), where a constraint can name it`,
  );

const unseen = (why: string) =>
  new EgressError('invalid_request', `whether the body brings a credential cannot be seen: ${why}`);

/** Of the guest's choosing. */
const shown = (name: string) => name.replaceAll(/[^\x20-\x7e]|["\\]/g, '?').slice(0, 60);
