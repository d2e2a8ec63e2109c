/** What a redirect asks for: the rules of fetch (HTTP-redirect fetch), without sending anything. */
import { EgressError, type EgressRequest, type EgressResponse } from './egress.ts';

export const MAX_REDIRECTS = 20;

const isRedirect = new Set([301, 302, 303, 307, 308]);

/** They describe a body that is not sent again. */
const ofBody = new Set(['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']);

/** Meant for one host. */
const ofHost = /(?:^|-)(?:authorization|cookie2?|host|key|token|secret)$/;

/**
 * The request that follows, to be judged like any other; undefined when the answer is no redirect.
 * Errors: EgressError `upstream` for a Location that has no one meaning. Where it leads is for the judge.
 */
export function nextRequest(
  asked: EgressRequest,
  answered: Pick<EgressResponse, 'status' | 'headers' | 'url'>,
): EgressRequest | undefined {
  if (!isRedirect.has(answered.status)) return undefined;
  const locations = answered.headers.filter(([name]) => name.toLowerCase() === 'location').map(([, value]) => value);
  const [location] = locations;
  if (location === undefined) return undefined;
  if (new Set(locations).size > 1) throw unreadable('is given twice');
  if (/[^\x20-\x7e]|\\/.test(location)) throw unreadable('holds characters that no URL has');
  const [from, to] = [new URL(answered.url), resolved(location, answered.url)];

  const { status } = answered;
  const dropsBody =
    status === 303
      ? asked.method !== 'GET' && asked.method !== 'HEAD'
      : (status === 301 || status === 302) && asked.method === 'POST';
  const leavesHost = to.origin !== from.origin;
  const headers = asked.headers.filter(([written]) => {
    const name = written.toLowerCase();
    return !(dropsBody && ofBody.has(name)) && !(leavesHost && ofHost.test(name)) && name !== 'host';
  });
  const { body, ...rest } = asked;
  return {
    ...rest,
    method: dropsBody ? 'GET' : asked.method,
    url: to.href,
    headers,
    ...(dropsBody || body === undefined ? {} : { body }),
  };
}

function resolved(location: string, base: string): URL {
  try {
    return new URL(location, base);
  } catch {
    throw unreadable('is no URL');
  }
}

const unreadable = (why: string) =>
  new EgressError('upstream', `the service answered with a redirect whose Location ${why}`);
