/** How a secret may stand in an answer: as it is, base64 and base64url at each alignment, hexadecimal. */
import { hasEscapes, introducers, undoEscapes } from './unescape.ts';

export interface Spelling {
  bytes: Uint8Array;
  /** The character that follows in base64 may hold some bits of the secret's last byte. */
  leaksIntoNext: boolean;
}

/** Shorter secrets are not looked for: they cannot be told from ordinary text. Bytes of UTF-8. */
export const shortestSecret = 6;

/** A secret that is longer is looked for in pieces: a part of it that is reflected is found too, and less is held back. */
const LONGEST_PIECE = 96;
const SHORTEST_LINE = 8;

/** Escapes (percent, JSON, HTML) are undone by whoever searches. */
export function spellingsOf(secrets: readonly string[]): Spelling[] {
  const found = new Map<string, Spelling>();
  const add = (text: string, leaksIntoNext = false) => {
    if (text.length < shortestSecret || found.has(text)) return;
    found.set(text, { bytes: Buffer.from(text, 'latin1'), leaksIntoNext });
  };
  for (const secret of new Set(secrets))
    for (const piece of piecesOf(secret.trim())) {
      const plain = piece.toString('latin1');
      add(plain);
      if (plain.includes(' ')) add(plain.replaceAll(' ', '+'));
      // Some encoders leave what looks like an escape as it is, and whoever searches then undoes it.
      if (hasEscapes(piece, introducers.all))
        add(Buffer.from(undoEscapes(piece, introducers.all, true).bytes).toString('latin1'));
      const hex = piece.toString('hex');
      add(hex);
      add(hex.toUpperCase());
      for (const before of [0, 1, 2]) {
        const { text, leaksIntoNext } = base64Within(piece, before);
        add(text, leaksIntoNext);
        add(text.replaceAll('+', '-').replaceAll('/', '_'), leaksIntoNext);
      }
    }
  return [...found.values()];
}

function piecesOf(secret: string): Buffer[] {
  const whole = Buffer.from(secret, 'utf8');
  if (whole.length < shortestSecret) return [];
  if (whole.length <= LONGEST_PIECE) return [whole];
  // Keys in PEM: line ends are spelled in too many ways, and the first and last line are no secret.
  const lines = secret
    .split(/[\r\n]+/)
    .filter((line) => !line.startsWith('-----'))
    .map((line) => Buffer.from(line, 'utf8'))
    .filter(({ length }) => length >= SHORTEST_LINE);
  return lines.flatMap((line) => {
    const count = Math.ceil(line.length / LONGEST_PIECE);
    const edge = (at: number) => Math.round((line.length * at) / count);
    return Array.from({ length: count }, (_, at) => line.subarray(edge(at), edge(at + 1)));
  });
}

/** The characters that hold nothing but bits of `piece`, when `before` bytes (modulo 3) stand before it. */
function base64Within(piece: Buffer, before: number): { text: string; leaksIntoNext: boolean } {
  const bits = (before + piece.length) * 8;
  const text = Buffer.concat([Buffer.alloc(before), piece]).toString('base64');
  return { text: text.slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6)), leaksIntoNext: bits % 6 !== 0 };
}
