/** Hosts of connectors, as callers and documents write them. */
import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { checkObject } from '../agent/checks.ts';
import { fieldError } from '../errors.ts';
import type { ConnectTo } from './connector.ts';

const MAXIMUM_HOSTS = 50;
const host = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?::[1-9]\d{0,4})?$/;

/** Why this is no host that a connector can have; undefined: it can. */
export function hostFault(text: string): string | undefined {
  const [name = '', port] = text.split(':');
  if (!host.test(text) || name.length > 253)
    return 'must be a name in lower case with an optional port, such as api.example.com or api.example.com:8443';
  // Anything whose last label is a number is an IPv4 address to some parser.
  if (/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name)) return 'must be a name, not an address';
  if (port !== undefined && Number(port) > 65535) return 'has a port above 65535';
  return undefined;
}

/** `slack.com` to `https://slack.com`; in the order given, none twice. Errors: CordonError `validation_failed`. */
export function checkHosts(value: unknown, field = 'hosts'): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAXIMUM_HOSTS)
    throw fieldError(field, `must be a list of 1 to ${MAXIMUM_HOSTS} hosts`);
  const origins = value.map((text: unknown, index) => {
    const fault = typeof text === 'string' ? hostFault(text) : 'must be text';
    if (fault !== undefined) throw fieldError(`${field}.${index}`, fault);
    return originOf(text as string);
  });
  return [...new Set(origins)];
}

/** Of a host without a fault. */
export const originOf = (text: string): string => new URL(`https://${text}`).origin;

/** `root` begins the names of fields. Errors: CordonError `validation_failed`. */
export function checkConnectTo(value: unknown, root = 'connectTo.'): ConnectTo {
  const { address, port, caFile, ...rest } = checkObject(value, 'connectTo');
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw fieldError(`${root}${unknown.slice(0, 100)}`, 'is not known');
  if (typeof address !== 'string' || isIP(address) === 0 || address.includes('%'))
    throw fieldError(`${root}address`, 'must be an IP address');
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65535)
    throw fieldError(`${root}port`, 'must be a whole number from 1 to 65535');
  if (caFile === undefined) return { address, port: port as number };
  if (typeof caFile !== 'string' || !isAbsolute(caFile) || caFile.length > 4096 || caFile.includes('\0'))
    throw fieldError(`${root}caFile`, 'must be the absolute path of a file');
  return { address, port: port as number, caFile };
}
