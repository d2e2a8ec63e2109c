/** Where a document says its service is. OpenAPI 3: Server Object; Swagger 2: `host`, `basePath`, `schemes`. */
import type { JsonObject } from '../../json.ts';
import { hostFault, originOf } from '../check-hosts.ts';
import { isObject, own, ownList, ownText } from './resolve.ts';

export interface Server {
  /** Undefined: it is up to the caller to say the host (a variable, a relative URL of a document of unknown address). */
  origin?: string;
  /** Literal, without a slash at its end; empty for the root. */
  basePath: string;
}

/** Those of a document, path item or operation that can be used. `documentUrl`: where the document came from. */
export function readServers(holder: JsonObject, documentUrl: string | undefined): Server[] {
  return ownList(holder, 'servers').flatMap((one) => {
    const url = isObject(one) ? ownText(one, 'url') : undefined;
    const server = url === undefined || !isObject(one) ? undefined : readServer(url, one, documentUrl);
    return server ? [server] : [];
  });
}

export function readSwaggerServer(document: JsonObject, documentUrl: string | undefined): Server | undefined {
  const basePath = checkedBasePath(ownText(document, 'basePath') ?? '');
  if (basePath === undefined) return undefined;
  const schemes = ownList(document, 'schemes');
  if (schemes.length > 0 && !schemes.includes('https')) return { basePath };
  const host = ownText(document, 'host')?.toLowerCase() ?? (documentUrl && new URL(documentUrl).host);
  return host === undefined || hostFault(host) !== undefined ? { basePath } : { origin: originOf(host), basePath };
}

function readServer(url: string, server: JsonObject, documentUrl: string | undefined): Server | undefined {
  const variables = own(server, 'variables');
  const parts = /^(?:([a-z]+):)?(?:\/\/([^/?#]*))?([^?#]*)$/i.exec(url.trim());
  if (!parts) return undefined;
  const [, scheme, authority, path = ''] = parts;
  const filled = path.replace(/\{([^{}]*)\}/g, (whole, name: string) => defaultOf(variables, name) ?? whole);
  if (authority === undefined) {
    const base = documentUrl === undefined ? undefined : URL.parse(filled, documentUrl);
    const basePath = checkedBasePath(base ? base.pathname : filled);
    return basePath === undefined ? undefined : { ...(base ? { origin: base.origin } : {}), basePath };
  }
  const basePath = checkedBasePath(filled);
  if (basePath === undefined) return undefined;
  const host = authority.toLowerCase();
  const isKnown = scheme?.toLowerCase() === 'https' && hostFault(host) === undefined;
  return isKnown ? { origin: originOf(host), basePath } : { basePath };
}

function defaultOf(variables: JsonObject[string] | undefined, name: string): string | undefined {
  if (!isObject(variables)) return undefined;
  const variable = own(variables, name);
  return isObject(variable) ? ownText(variable, 'default') : undefined;
}

/** Undefined: it cannot stand before a path. */
function checkedBasePath(text: string): string | undefined {
  const path = text.replace(/\/+$/, '');
  return path === '' || isBasePath(path) ? path : undefined;
}

export const isBasePath = (text: string): boolean =>
  text.length <= 500 && /^(?:\/(?!\.+(?:\/|$))[A-Za-z0-9\-._~!$&'()*+,=:@]+)+$/.test(text);
