/** Looks into a document: own properties only, local references followed. */
import type { Json, JsonObject } from '../../json.ts';

/** References that lead to references, at most. */
const MAXIMUM_HOPS = 32;

export interface Lookup {
  /** The object that this is or refers to; undefined for anything else, other documents and circles. */
  object(value: Json | undefined): JsonObject | undefined;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An own property: `constructor` of a document is not that of Object. */
export const own = (object: JsonObject | undefined, name: string): Json | undefined =>
  object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;

export const ownText = (object: JsonObject | undefined, name: string): string | undefined => {
  const value = own(object, name);
  return typeof value === 'string' ? value : undefined;
};

export const ownList = (object: JsonObject | undefined, name: string): Json[] => {
  const value = own(object, name);
  return Array.isArray(value) ? value : [];
};

export function createLookup(document: JsonObject): Lookup {
  const known = new Map<string, Json | undefined>();

  function target(ref: string): Json | undefined {
    if (known.has(ref)) return known.get(ref);
    const found = ref.startsWith('#/') ? follow(ref.slice(2)) : undefined;
    known.set(ref, found);
    return found;
  }

  /** RFC 6901, section 6. */
  function follow(pointer: string): Json | undefined {
    let value: Json | undefined = document;
    for (const part of pointer.split('/')) {
      const name = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
      if (Array.isArray(value)) value = /^\d{1,6}$/.test(name) ? value[Number(name)] : undefined;
      else value = isObject(value) ? own(value, name) : undefined;
    }
    return value;
  }

  return {
    object(value) {
      let current = value;
      for (let hop = 0; hop < MAXIMUM_HOPS && isObject(current); hop++) {
        const ref = own(current, '$ref');
        if (typeof ref !== 'string') return current;
        current = target(ref);
      }
      return undefined;
    },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A document's text as it can be shown: well-formed, on one line. */
export function forPeople<T extends string | undefined>(text: T): T {
  return text
    ?.toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim() as T;
}
