/** Pages of lists: a cursor is opaque to callers and survives a restart. */

import { fieldError } from '../errors.ts';
import { parseJson } from '../json.ts';
import type { Entry, Key, Store } from './store.ts';

export interface PageRequest {
  /** Items at most, from 1. */
  limit: number;
  cursor?: string | undefined;
}

export interface Page<T> {
  items: T[];
  /** Absent on the last page. */
  nextCursor?: string;
}

const MAXIMUM_CURSOR = 2000;

const isPart = (part: unknown, type: 'string' | 'number' | undefined) =>
  typeof part === type && (typeof part !== 'string' || part.isWellFormed());

export const encodeCursor = (parts: Key): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

/** Errors: CordonError `validation_failed` on `cursor` unless it holds parts of these types. */
export function decodeCursor(cursor: string, ...types: ('string' | 'number')[]): Key {
  // Longer ones are none of ours, and would not fit into a key.
  if (cursor.length > MAXIMUM_CURSOR) throw fieldError('cursor', 'is not a cursor of this list');
  try {
    const parts: unknown = parseJson(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parts) && parts.length === types.length && parts.every((part, i) => isPart(part, types[i])))
      return parts;
  } catch {
    // Said below.
  }
  throw fieldError('cursor', 'is not a cursor of this list');
}

/** One page of an index, highest key first; `types` are those of the parts below the prefix, which make up the cursor. */
export async function readPage<T>(
  store: Store,
  prefix: Key,
  types: ('string' | 'number')[],
  { limit, cursor }: PageRequest,
): Promise<{ entries: Entry<T>[]; nextCursor?: string }> {
  const after = cursor === undefined ? undefined : [...prefix, ...decodeCursor(cursor, ...types)];
  const found = await store.range<T>({ prefix, reverse: true, limit: limit + 1, ...(after ? { after } : {}) });
  const entries = found.slice(0, limit);
  if (found.length <= limit) return { entries };
  return { entries, nextCursor: encodeCursor(entries[limit - 1]!.key.slice(prefix.length)) };
}
