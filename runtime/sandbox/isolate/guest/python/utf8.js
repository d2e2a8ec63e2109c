// UTF-8 in an isolate that has no TextEncoder.

/** The bytes of a text; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text) {
  const bytes = new Uint8Array(text.length * 3);
  let at = 0;
  for (let n = 0; n < text.length; n++) {
    let code = text.charCodeAt(n);
    if (code >= 0xd800 && code < 0xe000) {
      const low = text.charCodeAt(n + 1);
      if (code < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        n++;
      } else code = 0xfffd;
    }
    if (code < 0x80) bytes[at++] = code;
    else {
      if (code < 0x800) bytes[at++] = 0xc0 | (code >> 6);
      else {
        if (code < 0x10000) bytes[at++] = 0xe0 | (code >> 12);
        else {
          bytes[at++] = 0xf0 | (code >> 18);
          bytes[at++] = 0x80 | ((code >> 12) & 63);
        }
        bytes[at++] = 0x80 | ((code >> 6) & 63);
      }
      bytes[at++] = 0x80 | (code & 63);
    }
  }
  return bytes.subarray(0, at);
}

const PART = 8192;

/** The text of bytes; each byte that fits nowhere becomes U+FFFD. */
export function decodeUtf8(bytes) {
  let text = '';
  let units = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + sequenceLength(bytes, at);
    let code = bytes[at++];
    if (end === at && code >= 0x80) code = 0xfffd;
    else if (end > at) {
      code &= 0x7f >> (end - at + 1);
      while (at < end) code = (code << 6) | (bytes[at++] & 63);
    }
    if (code >= 0x10000) units.push(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
    else units.push(code);
    if (units.length >= PART) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text + String.fromCharCode(...units);
}

/** Bytes of the well-formed sequence that begins at `at`; 1 where none does. */
function sequenceLength(bytes, at) {
  const wanted = expectedLength(bytes[at]);
  if (wanted === 1 || at + wanted > bytes.length) return 1;
  for (let n = 1; n < wanted; n++) if ((bytes[at + n] & 0xc0) !== 0x80) return 1;
  const second = bytes[at + 1];
  const [first] = [bytes[at]];
  if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 1;
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 1;
  return wanted;
}

function expectedLength(first) {
  if (first < 0xc2 || first > 0xf4) return 1;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** How many bytes at the end are the beginning of a character whose rest has yet to come. */
export function unfinishedBytes(bytes) {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    return expectedLength(byte) > back ? back : 0;
  }
  return 0;
}
