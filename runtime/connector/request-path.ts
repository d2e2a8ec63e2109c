/**
 * A request's path, read strictly. What two servers could read as two things is refused here, whatever the connector:
 * the grant would be judged for one of them and the service might do the other.
 */

/** `written`: segments as they stand in the request. The other readings are what lenient servers make of them. */
export interface RequestPath {
  /** Without the empty one behind a trailing slash. */
  written: readonly string[];
  endsInSlash: boolean;
  /** Each segment as the most lenient server might compare it: see `lenientSegment`. */
  lenient: readonly string[];
  /** The same with encoded slashes taken as slashes; only when there is one. */
  lenientSplit?: readonly string[];
}

const MAXIMUM_PATH = 8192;
/** RFC 3986, section 3.3: `pchar` without `;` (path parameters of some servers) and without percent signs. */
const plain = /^[A-Za-z0-9\-._~!$&'()*+,=:@/]*$/;
const plainOrEncoded = /^[A-Za-z0-9\-._~!$&'()*+,=:@/%]*$/;
/** Nothing of which the lenient form differs, but for upper case and dots at the end. */
const simple = /^[a-z0-9\-_~!$&'()*+,=:@]+$/;

/** The path, or why it is refused. `pathname` as the guest wrote it, without a query. */
export function readRequestPath(pathname: string): RequestPath | string {
  if (pathname.length > MAXIMUM_PATH) return `the path is longer than ${MAXIMUM_PATH} characters`;
  if (pathname.charCodeAt(0) !== 0x2f) return 'the path does not begin with /';
  const isPlain = plain.test(pathname);
  if (!isPlain) {
    const odd = pathname.includes(';') ? 'the path holds a ;' : 'the path holds a character that must be encoded';
    if (!plainOrEncoded.test(pathname)) return odd;
    const wrong = wrongEncoding(pathname);
    if (wrong !== undefined) return wrong;
  }
  const written = pathname.slice(1).split('/');
  const endsInSlash = written.at(-1) === '';
  if (endsInSlash) written.pop();
  const lenient = written.map(isPlain ? lenientPlain : lenientSegment);
  const odd = oddSegment(lenient);
  if (odd !== undefined) return odd;
  const result = { written, endsInSlash: endsInSlash && written.length > 0, lenient };
  if (isPlain || !/%2f/i.test(pathname)) return result;
  const split = written.flatMap((segment) => segment.split(/%2f/i));
  if (split.at(-1) === '') split.pop();
  const lenientSplit = split.map(lenientSegment);
  return oddSegment(lenientSplit) ?? { ...result, lenientSplit };
}

/** Empty ones are `//`, and what some server strips to nothing: dots, spaces, `;x`. */
const oddSegment = (lenient: readonly string[]) =>
  lenient.includes('')
    ? 'the path has an empty segment, or one that some servers take for none (dots, blanks, odd slashes)'
    : undefined;

function wrongEncoding(pathname: string): string | undefined {
  for (let at = pathname.indexOf('%'); at !== -1; at = pathname.indexOf('%', at + 1)) {
    const hex = pathname.slice(at + 1, at + 3);
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return 'the path has a % that encodes nothing';
    const byte = Number.parseInt(hex, 16);
    if (byte < 0x20 || byte === 0x7f) return 'the path holds a control character';
    if (byte === 0x5c) return 'the path holds an encoded backslash';
    if (/[A-Za-z0-9\-._~]/.test(String.fromCharCode(byte)))
      return `the path encodes a character that needs none (%${hex})`;
    if (byte === 0x25 && /^[0-9A-Fa-f]{2}/.test(pathname.slice(at + 3))) return 'the path is encoded twice';
  }
  try {
    if (/\p{Cc}/u.test(decodeURIComponent(pathname))) return 'the path holds a control character';
  } catch {
    return 'the path encodes bytes that are not UTF-8';
  }
  return undefined;
}

const lenientPlain = (segment: string) => (simple.test(segment) ? segment : withoutTail(segment.toLowerCase()));

/**
 * What the most lenient server compares: percent-decoded; compatibility characters taken for their plain ones; cut at
 * `;`, `?` or `#`; invisible characters dropped; in lower case; without blanks around it and dots behind it.
 * Empty: to some server it is no segment.
 */
export function lenientSegment(segment: string): string {
  if (simple.test(segment)) return segment;
  const decoded = segment.includes('%') ? decodeURIComponent(segment) : segment;
  const plain = decoded.normalize('NFKC').replace(/\p{Cf}+/gu, '');
  // A fullwidth slash would become a real one.
  if (slashes(plain) !== slashes(decoded)) return '';
  return withoutTail(
    plain
      .replace(/[;?#].*$/s, '')
      .toLowerCase()
      .trim(),
  );
}

const slashes = (text: string) => text.split(/[/\\]/).length;

/** Without dots and blanks at the end; a regular expression would be quadratic. */
function withoutTail(text: string): string {
  let end = text.length;
  while (end > 0 && (text.charCodeAt(end - 1) === 0x2e || text.charCodeAt(end - 1) <= 0x20)) end--;
  // Blanks beyond ASCII can stand between dots.
  const cut = text.slice(0, end).trimEnd();
  return cut.length < end ? withoutTail(cut) : cut;
}
