/** Turns a host name into addresses that were judged: what is connected to is exactly what is returned. */
import { promises as dns, type LookupAddress } from 'node:dns';
import { formatAddress, isPublicUnicast, parseAddress } from './addresses.ts';
import { EgressError } from './egress.ts';

/** All addresses of a name, as text. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** An address that was judged. `address` is written from the bytes that were judged. */
export interface JudgedAddress {
  address: string;
  family: 4 | 6;
}

/**
 * Asks once per call. Errors: EgressError `address_refused` unless every address is public unicast; `upstream` when there
 * is none. No message holds an address: a guest learns nothing of the inside.
 */
export type Resolver = (host: string) => Promise<JudgedAddress[]>;

/** Addresses of one name that are looked at; a name with more is refused. */
const MAX_ADDRESSES = 64;

/** What the machine itself would connect to: its resolver, `/etc/hosts` included. */
export const systemLookup: Lookup = async (host) =>
  (await dns.lookup(host, { all: true, order: 'verbatim' })).map(({ address }: LookupAddress) => address);

export function createResolver(lookup: Lookup = systemLookup, { timeoutMs = 10_000 } = {}): Resolver {
  return async (host) => {
    const texts = await inTime(lookup(host), timeoutMs).catch((cause: unknown) => {
      throw new EgressError('upstream', `the host ${host} cannot be resolved`, { cause });
    });
    if (texts.length === 0) throw new EgressError('upstream', `the host ${host} has no address`);
    const addresses = texts.map(parseAddress);
    if (texts.length > MAX_ADDRESSES || !addresses.every((bytes) => bytes !== undefined && isPublicUnicast(bytes)))
      throw new EgressError(
        'address_refused',
        `the host ${host} leads to an address that is not public: an operator can say where its connector connects to`,
      );
    return addresses.map((bytes) => ({
      address: formatAddress(bytes as Uint8Array),
      family: (bytes as Uint8Array).length === 4 ? 4 : 6,
    }));
  };
}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer of the resolver within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
