// What amaro's WebAssembly loader needs of Node.js: TextDecoder, TextEncoder, Buffer.from(base64). Quick, for ASCII first.
const table = new Uint8Array(128);
for (let n = 0; n < 64; n++) {
  table['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.charCodeAt(n)] = n;
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let n = 0, at = 0; at < bytes.length; n += 4) {
    const word =
      (table[text.charCodeAt(n)] << 18) |
      (table[text.charCodeAt(n + 1)] << 12) |
      (table[text.charCodeAt(n + 2)] << 6) |
      table[text.charCodeAt(n + 3)];
    bytes[at++] = word >> 16;
    if (at < bytes.length) bytes[at++] = word >> 8;
    if (at < bytes.length) bytes[at++] = word;
  }
  return bytes;
}

export const Buffer = { from: fromBase64 };

export class TextDecoder {
  decode(bytes) {
    if (!bytes) return '';
    let text = '';
    for (let n = 0; n < bytes.length; n += 8192) text += String.fromCharCode(...bytes.subarray(n, n + 8192));
    return /[\x80-\xff]/.test(text) ? decodeURIComponent(escape(text)) : text;
  }
}

export class TextEncoder {
  encode(text) {
    const binary = unescape(encodeURIComponent(text.isWellFormed() ? text : text.toWellFormed()));
    const bytes = new Uint8Array(binary.length);
    for (let n = 0; n < binary.length; n++) bytes[n] = binary.charCodeAt(n);
    return bytes;
  }

  encodeInto(text, target) {
    const bytes = this.encode(text);
    target.set(bytes);
    return { read: text.length, written: bytes.length };
  }
}
