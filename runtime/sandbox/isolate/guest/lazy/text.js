// TextEncoder, TextDecoder, atob, btoa: https://encoding.spec.whatwg.org, for utf-8, latin1 and utf-16le.
const { SafeUint8Array } = cordon.primordials;
const { bytesOf } = cordon.lazy('result');

const labels = {
  __proto__: null,
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'unicode-1-1-utf-8': 'utf-8',
  latin1: 'windows-1252',
  ascii: 'windows-1252',
  'us-ascii': 'windows-1252',
  'iso-8859-1': 'windows-1252',
  'iso8859-1': 'windows-1252',
  l1: 'windows-1252',
  'windows-1252': 'windows-1252',
  cp1252: 'windows-1252',
  'utf-16le': 'utf-16le',
  'utf-16': 'utf-16le',
  ucs2: 'utf-16le',
  'ucs-2': 'utf-16le',
  unicode: 'utf-16le',
};
const windows1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

export class TextEncoder {
  get encoding() {
    return 'utf-8';
  }

  encode(input = '') {
    const text = `${input}`;
    const bytes = new SafeUint8Array(text.length * 3);
    const { written } = encodeInto(text, bytes);
    return bytes.slice(0, written);
  }

  encodeInto(text, target) {
    return encodeInto(`${text}`, target);
  }
}

function encodeInto(text, target) {
  let written = 0;
  let n = 0;
  for (; n < text.length; n++) {
    let code = text.charCodeAt(n);
    if (code < 0x80) {
      if (written >= target.length) break;
      target[written++] = code;
      continue;
    }
    let units = 1;
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = text.charCodeAt(n + 1);
      if (code <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        units = 2;
      } else code = 0xfffd;
    }
    const size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (written + size > target.length) break;
    if (size === 2) target[written++] = 0xc0 | (code >> 6);
    else {
      if (size === 3) target[written++] = 0xe0 | (code >> 12);
      else {
        target[written++] = 0xf0 | (code >> 18);
        target[written++] = 0x80 | ((code >> 12) & 63);
      }
      target[written++] = 0x80 | ((code >> 6) & 63);
    }
    target[written++] = 0x80 | (code & 63);
    n += units - 1;
  }
  return { read: n, written };
}

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #rest = new SafeUint8Array(0);
  #begun = false;

  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    this.#encoding = labels[`${label}`.trim().toLowerCase()];
    if (this.#encoding === undefined) {
      throw new RangeError(`The encoding '${label}' is not available here. There are: utf-8, latin1, utf-16le.`);
    }
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input, { stream = false } = {}) {
    let bytes = input === undefined ? new SafeUint8Array(0) : bytesOf(input);
    if (bytes === undefined) throw new TypeError('TextDecoder.decode needs an ArrayBuffer or a view of one');
    if (this.#rest.length > 0) {
      const joined = new SafeUint8Array(this.#rest.length + bytes.length);
      joined.set(this.#rest);
      joined.set(bytes, this.#rest.length);
      bytes = joined;
    }
    const decode = { 'utf-8': utf8, 'utf-16le': utf16, 'windows-1252': latin }[this.#encoding];
    const { text, read } = decode(bytes, this.#fatal, stream);
    this.#rest = bytes.slice(read);
    let result = text;
    if (!this.#begun && result !== '') {
      if (!this.#ignoreBOM && result.charCodeAt(0) === 0xfeff) result = result.slice(1);
      this.#begun = true;
    }
    if (!stream) this.#begun = false;
    return result;
  }
}

function malformed(fatal) {
  if (fatal) {
    const error = new TypeError('The encoded data was not valid');
    error.code = 'ERR_ENCODING_INVALID_ENCODED_DATA';
    throw error;
  }
  return 0xfffd;
}

/** Collects code points in chunks that String.fromCodePoint takes as arguments. */
function collector() {
  let text = '';
  let units = [];
  return {
    add(code) {
      units.push(code);
      if (units.length >= 4096) {
        text += String.fromCodePoint.apply(null, units);
        units = [];
      }
    },
    end() {
      return units.length === 0 ? text : text + String.fromCodePoint.apply(null, units);
    },
  };
}

/** The text when every byte is ASCII, which most files are; else undefined. */
function ascii(bytes) {
  let text = '';
  for (let n = 0; n < bytes.length; n += 8192) text += String.fromCharCode.apply(null, bytes.subarray(n, n + 8192));
  return /[\u0080-\u00ff]/.test(text) ? undefined : text;
}

function utf8(bytes, fatal, stream) {
  const quick = bytes.length > 64 ? ascii(bytes) : undefined;
  if (quick !== undefined) return { text: quick, read: bytes.length };
  const out = collector();
  let n = 0;
  while (n < bytes.length) {
    const first = bytes[n];
    if (first < 0x80) {
      out.add(first);
      n++;
      continue;
    }
    const size =
      first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
    if (size === 0) {
      out.add(malformed(fatal));
      n++;
      continue;
    }
    let code = first & (size === 2 ? 31 : size === 3 ? 15 : 7);
    let at = 1;
    for (; at < size && n + at < bytes.length; at++) {
      const next = bytes[n + at];
      const least = at === 1 ? (first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80) : 0x80;
      const most = at === 1 ? (first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf) : 0xbf;
      if (next < least || next > most) break;
      code = (code << 6) | (next & 63);
    }
    if (at === size) out.add(code);
    else if (n + at >= bytes.length && stream) break;
    else out.add(malformed(fatal));
    n += at;
  }
  return { text: out.end(), read: n };
}

function utf16(bytes, fatal, stream) {
  const out = collector();
  let n = 0;
  for (; n + 1 < bytes.length; n += 2) {
    const unit = bytes[n] | (bytes[n + 1] << 8);
    if (unit < 0xd800 || unit > 0xdfff) out.add(unit);
    else if (unit > 0xdbff) out.add(malformed(fatal));
    else if (n + 3 >= bytes.length) {
      if (stream) return { text: out.end(), read: n };
      out.add(malformed(fatal));
    } else {
      const low = bytes[n + 2] | (bytes[n + 3] << 8);
      if (low >= 0xdc00 && low <= 0xdfff) {
        out.add(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        n += 2;
      } else out.add(malformed(fatal));
    }
  }
  if (n < bytes.length && !stream) {
    out.add(malformed(fatal));
    n = bytes.length;
  }
  return { text: out.end(), read: n };
}

function latin(bytes) {
  const out = collector();
  for (let n = 0; n < bytes.length; n++)
    out.add(bytes[n] >= 0x80 && bytes[n] < 0xa0 ? windows1252.charCodeAt(bytes[n] - 0x80) : bytes[n]);
  return { text: out.end(), read: bytes.length };
}

function invalidCharacter(message) {
  return new globalThis.DOMException(message, 'InvalidCharacterError');
}

export function btoa(value) {
  const text = `${value}`;
  const bytes = new SafeUint8Array(text.length);
  for (let n = 0; n < text.length; n++) {
    const code = text.charCodeAt(n);
    if (code > 255) throw invalidCharacter('Invalid character: btoa takes characters up to U+00FF');
    bytes[n] = code;
  }
  return cordon.lazy('result').base64(bytes);
}

export function atob(value) {
  let text = `${value}`.replace(/[\t\n\f\r ]/g, '');
  if (text.length % 4 === 0) text = text.replace(/={1,2}$/, '');
  if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text))
    throw invalidCharacter('The string to be decoded is not correctly encoded.');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const out = collector();
  let word = 0;
  let bits = 0;
  for (const letter of text) {
    word = ((word << 6) | alphabet.indexOf(letter)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.add((word >> bits) & 255);
    }
  }
  return out.end();
}
