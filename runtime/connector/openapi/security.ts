/** How a document says that its service authenticates. OpenAPI 3: Security Scheme Object; Swagger 2: `securityDefinitions`. */
import type { Json, JsonObject } from '../../json.ts';
import type { AuthScheme } from '../connector.ts';
import { isObject, type Lookup, own, ownList, ownText } from './resolve.ts';

/** The one scheme that is clear, or what there is to choose from. */
export function readAuth(document: JsonObject, lookup: Lookup): AuthScheme | { choices: string[] } {
  const components = lookup.object(own(document, 'components'));
  const schemes = lookup.object(own(components, 'securitySchemes') ?? own(document, 'securityDefinitions')) ?? {};
  const names = Object.keys(schemes);
  const usable = new Map(names.flatMap((name) => toScheme(lookup.object(own(schemes, name)), name)));
  const required = ownList(document, 'security').filter(isObject);
  const alone = required.flatMap((one) => {
    const [name, second] = Object.keys(one);
    return name !== undefined && second === undefined && usable.has(name) ? [usable.get(name)!] : [];
  });
  // What the whole document asks for counts before what it only describes.
  const wanted = required.length > 0 ? alone : [...usable.values()];
  const distinct = new Map(wanted.map((scheme) => [JSON.stringify(scheme), scheme]));
  const [only] = distinct.values();
  return only !== undefined && distinct.size === 1 ? only : { choices: names.slice(0, 20) };
}

function toScheme(scheme: JsonObject | undefined, key: string): [string, AuthScheme][] {
  const found = schemeOf(scheme);
  return found ? [[key, found]] : [];
}

function schemeOf(scheme: JsonObject | undefined): AuthScheme | undefined {
  const type = ownText(scheme, 'type');
  const name: Json | undefined = own(scheme, 'name');
  if (type === 'basic') return { type: 'basic' };
  if (type === 'oauth2' || type === 'openIdConnect') return { type: 'bearer' };
  if (type === 'http') {
    const kind = ownText(scheme, 'scheme')?.toLowerCase();
    return kind === 'bearer' || kind === 'basic' ? { type: kind } : undefined;
  }
  if (type !== 'apiKey' || typeof name !== 'string') return undefined;
  const place = ownText(scheme, 'in');
  // A token in this header is a bearer's more often than not: whether a word goes before it must be said.
  if (place === 'header') return name.toLowerCase() === 'authorization' ? undefined : { type: 'header', name };
  return place === 'query' ? { type: 'query', name } : undefined;
}
