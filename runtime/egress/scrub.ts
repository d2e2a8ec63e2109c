/**
 * Takes secrets out of answers: a service that reflects what it was sent must not hand it to the guest. Each byte of a
 * spelling becomes `*`, so that lengths stay. What may be the beginning of one waits for what follows.
 *
 * Found: the secret as it is, base64, base64url, hexadecimal, each also percent-encoded or escaped (JSON, HTML), in full or
 * in part, up to twice over. Not found: compressed or encrypted within the body, other charsets, a secret in pieces.
 */
import type { Stage } from './byte-stream.ts';
import { isIntroducer } from './escape.ts';
import { readThroughEscapes } from './read-through-escapes.ts';
import { type Spelling, spellingsOf } from './secret-spellings.ts';
import { createSpellingFinder } from './spelling-finder.ts';
import { root } from './spelling-tree.ts';
import { hasEscapes, introducers, type Undone, undoEscapes } from './unescape.ts';

export { shortestSecret } from './secret-spellings.ts';

export interface Scrubber {
  /** A header's value, a status text. Text beyond U+00FF is read as UTF-8. */
  text(value: string): string;
  /** Names and values. */
  fields(fields: readonly [string, string][]): [string, string][];
  /** For one body: the same number of bytes. */
  stage(): Stage;
}

const asterisk = 0x2a;

/** Bytes that wait; the first `masked` of these and of what follows are part of a spelling already. */
interface Waiting {
  bytes: Uint8Array;
  masked: number;
}

/** The bytes as they are, or with escapes undone; the rest as in `Undone`, towards the bytes as they are. */
interface View {
  bytes: Uint8Array;
  origin(at: number): number;
  endOf(at: number): number;
  /** The last place at or before this one where a byte or an escape begins. */
  boundary(place: number): number;
}

const nothing: Waiting = { bytes: new Uint8Array(), masked: 0 };

/** Of one set of secrets: some 50 µs for a token, 50 ms for a secret of 64 KiB. */
export function createScrubber(secrets: readonly string[]): Scrubber {
  const spellings = spellingsOf(secrets);
  if (spellings.length === 0)
    return {
      text: (value) => value,
      fields: (fields) => [...fields],
      stage: () => ({ push: (chunk) => chunk }),
    };
  const finder = createSpellingFinder(spellings);
  // A secret that itself holds what looks like an escape of one kind is found when only the other kinds are undone.
  const looksEscaped = spellings.some(({ bytes }) => hasEscapes(bytes, introducers.all));
  const kinds = looksEscaped ? [introducers.all, ...introducers.each] : [introducers.all];

  /** `openAt`: from there on is an escape that may be cut off. */
  function viewsOf(
    bytes: Uint8Array,
    isLast: boolean,
    onEscape: (at: number, end: number) => void,
  ): { views: View[]; openAt: number } {
    const views: View[] = [plainView(bytes)];
    let openAt = bytes.length;
    for (const kind of kinds) {
      if (!hasEscapes(bytes, kind)) continue;
      const once = undoEscapes(bytes, kind, isLast, kind === introducers.all ? onEscape : undefined);
      views.push(viewOf(once));
      openAt = Math.min(openAt, once.openAt);
      // An escape within an escape, as JSON in JSON has it.
      if (!hasEscapes(once.bytes, introducers.all)) continue;
      const twice = undoEscapes(once.bytes, introducers.all, isLast);
      views.push(viewOf(once, twice));
      openAt = Math.min(openAt, once.origin(twice.openAt));
    }
    return { views, openAt };
  }

  function scrub(waiting: Waiting, isLast: boolean): { out: Uint8Array; isMasked: boolean; rest: Waiting } {
    const { bytes } = waiting;
    /** Where they begin and end, in turn. */
    const spans: number[] = [];
    const cover = (first: number, end: number) => {
      const last = spans.length - 1;
      const isWithin = last > 0 && first >= (spans[last - 1] as number) && first <= (spans[last] as number);
      if (isWithin) spans[last] = Math.max(spans[last] as number, end);
      else spans.push(first, end);
    };
    /** From here on it waits. */
    let hold = bytes.length;
    const starts: number[] = [];
    // What is written before a secret may swallow its beginning as the end of an escape: `%6` before `abc`, a backslash
    // before another.
    const { views, openAt } = viewsOf(bytes, isLast, (escapeAt, escapeEnd) => {
      for (let at = escapeAt + 1; at < escapeEnd; at++) {
        const byte = bytes[at] as number;
        if (isIntroducer(byte) || finder.tree.child(root, byte) >= 0) starts.push(at);
      }
    });
    hold = Math.min(hold, openAt);
    readThroughEscapes(bytes, starts, finder.tree, isLast, {
      found: (first, end, spelling) => cover(first, withNext(bytes, end, spelling)),
      open: (first) => {
        hold = Math.min(hold, first);
      },
      unclear: cover,
    });
    for (const { bytes: text, origin, endOf } of views) {
      finder.find(text, (first, end, spelling) => {
        if (end === text.length && spelling.leaksIntoNext && !isLast) hold = Math.min(hold, origin(first));
        cover(origin(first), endOf(withNext(text, end, spelling)));
      });
      if (!isLast) hold = Math.min(hold, origin(finder.openFrom(text)));
    }
    // An escape that is cut in two would be read otherwise.
    for (let before = -1; hold < bytes.length && before !== hold; ) {
      before = hold;
      for (const { boundary } of views) hold = boundary(hold);
    }

    let reach = Math.max(hold, waiting.masked);
    let out = bytes.subarray(0, hold);
    let isMasked = false;
    const mask = (first: number, end: number) => {
      if (first >= hold) return;
      // Not slice(): that of a Buffer shares its memory.
      if (!isMasked) out = new Uint8Array(out);
      isMasked = true;
      out.fill(asterisk, first, Math.min(end, hold));
      reach = Math.max(reach, end);
    };
    if (waiting.masked > 0) mask(0, waiting.masked);
    for (let at = 0; at < spans.length; at += 2) mask(spans[at] as number, spans[at + 1] as number);
    const rest = hold < Math.max(bytes.length, reach) ? { bytes: bytes.subarray(hold), masked: reach - hold } : nothing;
    return { out, isMasked, rest };
  }

  function text(value: string): string {
    const encoding = /^[\0-\xff]*$/.test(value) ? 'latin1' : 'utf8';
    const bytes = Buffer.from(value, encoding);
    const { out, isMasked } = scrub({ bytes, masked: 0 }, true);
    return !isMasked ? value : Buffer.from(out.buffer, out.byteOffset, out.length).toString(encoding);
  }

  return {
    text,

    fields(fields) {
      // Nearly always there is nothing: one search says so for all.
      const together = fields.flat().join('\n');
      if (text(together) === together) return [...fields];
      return fields.map(([name, value]) => [text(name), text(value)]);
    },

    stage,
  };

  function stage(): Stage {
    let waiting = nothing;
    const pass = (more: Uint8Array | undefined): Uint8Array => {
      const { bytes, masked } = waiting;
      const all = bytes.length === 0 ? (more ?? bytes) : more ? Buffer.concat([bytes, more]) : bytes;
      const { out, rest } = scrub({ bytes: all, masked }, more === undefined);
      waiting = rest;
      return out;
    };
    return { push: pass, end: () => pass(undefined) };
  }
}

/**
 * Keeps scrubbers between the calls of a credential: the `most` that were used last, each for `forMs` after it was made.
 * `mostCharacters` of secrets together, of which each takes some 200 bytes of memory; the last one stays whatever it has.
 */
export function createScrubbers({
  most = 64,
  mostCharacters = 256 * 1024,
  forMs = 60_000,
} = {}): (secrets: readonly string[]) => Scrubber {
  const kept = new Map<string, Scrubber>();
  return (secrets) => {
    const key = secrets.join('\0');
    const known = kept.get(key);
    const scrubber = known ?? createScrubber(secrets);
    // They hold secrets: none stays because nobody calls any more.
    if (!known) setTimeout(() => kept.delete(key), forMs).unref();
    kept.delete(key);
    kept.set(key, scrubber);
    let characters = 0;
    for (const one of kept.keys()) characters += one.length;
    for (const oldest of kept.keys()) {
      if (oldest === key || (kept.size <= most && characters <= mostCharacters)) break;
      kept.delete(oldest);
      characters -= oldest.length;
    }
    return scrubber;
  };
}

/** With the one character of base64 that may hold the secret's last bits. */
function withNext(text: Uint8Array, end: number, { leaksIntoNext }: Spelling): number {
  if (!leaksIntoNext || end >= text.length) return end;
  return /[A-Za-z0-9+/_-]/.test(String.fromCharCode(text[end] as number)) ? end + 1 : end;
}

const plainView = (bytes: Uint8Array): View => ({
  bytes,
  origin: (at) => at,
  endOf: (at) => at,
  boundary: (place) => place,
});

function viewOf(once: Undone, twice?: Undone): View {
  if (!twice) return { ...once, boundary: (place) => once.origin(once.indexOf(place)) };
  const origin = (at: number) => once.origin(twice.origin(at));
  return {
    bytes: twice.bytes,
    origin,
    endOf: (at) => once.endOf(twice.endOf(at)),
    boundary: (place) => origin(twice.indexOf(once.indexOf(place))),
  };
}
