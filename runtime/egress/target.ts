/** Reads the URL of a guest's request. The parser of WHATWG mends what it reads; here only what needs no mending passes. */
import { EgressError } from './egress.ts';

export interface Target {
  /** Without fragment. Its text is what the guest wrote. */
  url: URL;
  /** `https://host` or `https://host:port`. */
  origin: string;
  /** Percent-encoding kept. */
  rawPath: string;
}

/** Bytes of one URL. */
export const MAX_URL = 8192;

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** A host whose last label is a number is an IPv4 address to the parser, in whatever base and however short. */
const number = /^(?:[0-9]+|0x[0-9a-f]*)$/;

/**
 * Errors: EgressError `invalid_request` for what is no https URL or can be read in two ways; `address_refused` for hosts
 * that are an address, or a name that stands for this machine.
 */
export function readTarget(text: string): Target {
  if (text.length > MAX_URL) throw invalid(`the URL has more than ${MAX_URL} characters`);
  const odd = /[^\x21-\x7e]|\\/.exec(text);
  if (odd) throw invalid(`the URL holds ${named(odd[0])} as it is: percent-encode it`);
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'http') throw invalid('http is refused: use the https:// URL of the service');
  if (scheme !== 'https' || !text.startsWith('//', 6)) throw invalid('the URL does not begin with https://');

  const rest = text.slice(8);
  const end = rest.search(/[/?#]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  // What follows the host without a slash is read in more than one way by parsers of URLs.
  if (end >= 0 && rest[end] !== '/') throw invalid('the path of the URL does not begin with a slash');
  const { host, port } = readAuthority(authority);
  // What clients leave behind an empty list of parameters, and what is never sent, says nothing.
  const path = (rest.slice(authority.length).split('#', 1)[0] as string).replace(/^([^?]*)\?$/, '$1');
  const written = `https://${host}${port}${path === '' ? '/' : path}`;

  const url = parsed(written);
  // An apostrophe is the one character that the parser encodes in a query and that clients leave there.
  const query = written.indexOf('?');
  const expected = query < 0 ? written : written.slice(0, query) + written.slice(query).replaceAll("'", '%27');
  if (url.href !== expected)
    throw invalid(`the URL can be read in two ways; in its plain form it would be ${plain(url)}`);
  return { url, origin: url.origin, rawPath: url.pathname };
}

function readAuthority(authority: string): { host: string; port: string } {
  if (authority.includes('@')) throw invalid('the URL names a user: credentials are added by the gate');
  if (authority.includes('[')) throw refused();
  if (authority.includes('%')) throw invalid('the host of the URL is percent-encoded');
  const [written = '', portText, ...more] = authority.split(':');
  if (more.length > 0) throw invalid('the URL has more than one port');
  if (portText !== undefined && !/^[1-9][0-9]{0,4}$/.test(portText)) throw invalid('the port of the URL is no number');
  if (Number(portText ?? 443) > 65_535) throw invalid('the port of the URL is above 65535');

  const host = written.toLowerCase();
  if (host.endsWith('.')) {
    if (number.test(host.slice(0, -1).split('.').at(-1) as string)) throw refused();
    throw invalid('the host of the URL ends with a dot');
  }
  const labels = host.split('.');
  if (number.test(labels.at(-1) as string)) throw refused();
  if (host.length > 253 || !labels.every((each) => label.test(each)))
    throw invalid('the host of the URL is no host name');
  if (labels.at(-1) === 'localhost') throw refused();
  return { host, port: portText === undefined || portText === '443' ? '' : `:${portText}` };
}

function parsed(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw invalid('the URL cannot be read');
  }
}

const plain = ({ origin, pathname }: URL) => (pathname.length > 200 ? origin : origin + pathname);

const named = (character: string) =>
  character === '\\' ? 'a backslash' : `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`;

const invalid = (message: string) => new EgressError('invalid_request', message);

const refused = () =>
  new EgressError(
    'address_refused',
    'the URL names an address, not a service: calls go to the host names of connectors only',
  );
