import { createHash } from 'node:crypto';

/** Longer ones are shown without the values of their query. */
const WHOLE = 2048;
/** What is shown of a URL that is too long even then. */
const CUT = 1900;

/** A URL for people who decide about it. What is left out is marked by `…`, which no URL holds as such. */
export function shownUrl(url: string): string {
  if (url.length <= WHOLE) return url;
  const [path = '', ...query] = url.split('?');
  const names = query
    .join('?')
    .split('&')
    .map((pair) => (pair.includes('=') ? `${pair.slice(0, pair.indexOf('='))}=…` : pair));
  const shown = query.length === 0 ? path : `${path}?${names.join('&')}`;
  return shown.length <= WHOLE ? shown : `${shown.slice(0, CUT)}…`;
}

/** SHA-256 of the whole URL, hexadecimal: what the decision is bound to. */
export const urlDigest = (url: string): string => createHash('sha256').update(url).digest('hex');
