import { isUtf8 } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CordonError, fieldError } from '../runtime/errors.ts';
import { type Json, type JsonObject, parseJson } from '../runtime/json.ts';

/** Deeper JSON would overflow the stack of whoever serialises it later. */
const MAX_DEPTH = 512;

export function tooLarge(field: string, bytes: number | undefined, limit: number): CordonError {
  const has = bytes === undefined ? 'is larger than' : `is ${bytes} bytes, more than`;
  const message = `${has} the limit of ${limit} bytes`;
  return new CordonError('too_large', `${field} ${message}`, { errors: [{ field, message }] });
}

/** Refuses what the sender announces as too large, before a byte of it is read. */
export function refuseAnnounced(request: Request, limit: number, field: string): void {
  const encoding = request.headers.get('content-encoding');
  if (encoding !== null && encoding.toLowerCase() !== 'identity')
    throw fieldError('content-encoding', 'compressed bodies are not accepted');
  const announced = request.headers.get('content-length');
  if (announced !== null && Number(announced) > limit) throw tooLarge(field, Number(announced), limit);
}

/** The body's chunks, counted. Errors: CordonError `too_large` when they pass `limit` bytes, `validation_failed` when it breaks off. */
export async function* bodyChunks(request: Request, limit: number, field: string): AsyncGenerator<Uint8Array> {
  refuseAnnounced(request, limit, field);
  if (request.body === null) return;
  let bytes = 0;
  const chunks = request.body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await chunks.next().catch((cause: unknown) => {
        throw new CordonError('validation_failed', 'The body broke off', { cause });
      });
      if (next.done) return;
      bytes += next.value.byteLength;
      if (bytes > limit) throw tooLarge(field, undefined, limit);
      yield next.value;
    }
  } finally {
    await chunks.return?.().catch(() => {});
  }
}

/** The whole body, at most `limit` bytes. */
export async function readBody(request: Request, limit: number, field = 'body'): Promise<Buffer> {
  if (request.headers.has('content-length')) {
    refuseAnnounced(request, limit, field);
    // The short way: the HTTP parser holds the sender to the announced length.
    const bytes = Buffer.from(
      await request.arrayBuffer().catch((cause: unknown) => {
        throw new CordonError('validation_failed', 'The body broke off', { cause });
      }),
    );
    if (bytes.length > limit) throw tooLarge(field, bytes.length, limit);
    return bytes;
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of bodyChunks(request, limit, field)) parts.push(chunk);
  return Buffer.concat(parts);
}

/** Takes more than a few milliseconds to read, check and write down. */
const LARGE_BYTES = 1024 * 1024;
let lastLarge: Promise<unknown> = Promise.resolve();

/** One large body in a turn of the event loop: of many that arrive together each would hold up everybody else. */
export async function turnFor(bytes: Buffer): Promise<void> {
  if (bytes.length < LARGE_BYTES) return;
  const mine = lastLarge.then(() => nextTurn());
  lastLarge = mine;
  await mine;
}

/** Whatever the content type says, a body is JSON in UTF-8 or refused: no way around validation. */
export function readJsonBody(bytes: Buffer): Json {
  if (bytes.length === 0) throw fieldError('body', 'is missing: JSON is expected');
  if (!isUtf8(bytes)) throw fieldError('body', 'is not valid UTF-8');
  let value: Json;
  try {
    value = parseJson(bytes.toString('utf8'));
  } catch (cause) {
    throw new CordonError('validation_failed', 'body: is not valid JSON', {
      errors: [{ field: 'body', message: `is not valid JSON: ${jsonFault(cause)}` }],
      cause,
    });
  }
  checkKeepable(value);
  return value;
}

/** V8's message without the quoted excerpt of the body, which may hold a secret. */
const jsonFault = (cause: unknown) =>
  (cause as Error).message.replace(/,? ?(\.\.\.)?".*$/s, '').trim() || 'syntax error';

/** Refuses what is valid JSON and yet cannot be kept: too deep, or a number that is not finite. */
function checkKeepable(root: Json): void {
  let level: Json[] = [[root]];
  for (let depth = -1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw fieldError('body', `is nested deeper than ${MAX_DEPTH} levels`);
    const next: Json[] = [];
    for (const item of level) {
      for (const child of Array.isArray(item) ? item : Object.values(item as JsonObject)) {
        if (typeof child === 'object' && child !== null) next.push(child);
        else if (isInfinite(child)) {
          const path = pathToInfinite(root, depth + 1)
            ?.join('.')
            .slice(0, 200);
          throw fieldError(path || 'body', 'is a number beyond the range of a double');
        }
      }
    }
    level = next;
  }
}

/** `1e400` is parsed as this, and would be written as null: a value of another type, without an error. */
const isInfinite = (value: Json) => value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;

/** Where the first one is, at most `depth` levels down: what is deeper could overflow the stack. */
function pathToInfinite(value: Json, depth: number): string[] | undefined {
  if (isInfinite(value)) return [];
  if (depth === 0 || typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const rest = pathToInfinite(child, depth - 1);
    if (rest !== undefined) return [key, ...rest];
  }
  return undefined;
}
