/** Where a client wants to be connected: host and port of CONNECT, of an absolute URL, of a Host header. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Destination {
  /** A DNS name in lower case, or an IP address, without brackets. */
  host: string;
  port: number;
}

/** Letters, digits, hyphens and underscores: what DNS names of services are made of. */
const label = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const dnsName = new RegExp(`^${label}(?:\\.${label})*$`);
const MAX_NAME = 253;

/**
 * Reads `host`, `host:port` and `[address]:port`; `defaultPort` stands for one that is not written, undefined demands it.
 * Undefined: it is none of these, or one could read it in two ways.
 */
export function readDestination(text: string, defaultPort: number | undefined): Destination | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::([1-9][0-9]{0,4}))?$/.exec(text) ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === undefined || port > 0xffff) return undefined;
  const host = (bracketed ?? plain ?? '').toLowerCase();
  const isAddress = bracketed === undefined ? isIPv4(host) : isIPv6(host) && !host.includes('%');
  const isName = bracketed === undefined && host.length <= MAX_NAME && dnsName.test(host);
  return isAddress || isName ? { host, port } : undefined;
}

export const sameDestination = (a: Destination, b: Destination | undefined): boolean =>
  a.host === b?.host && a.port === b.port;

/** As it stands in a URL of https: the usual port is not written. */
export function authorityOf({ host, port }: Destination): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return port === 443 ? name : `${name}:${port}`;
}
