// The names that Pyodide's glue looks up outside of itself, given as parameters: nothing of it lies on the global object,
// where `import js` would find it.
import { guardedWebAssembly } from './guarded-webassembly.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';

/** By the names that python/glue.ts makes parameters of the glue. */
export function glueScope(random) {
  const nothing = () => {
    throw new Error('There is nothing to read here');
  };
  return {
    WebAssembly: guardedWebAssembly(),
    TextDecoder: Utf8Decoder,
    TextEncoder: Utf8Encoder,
    os: { system: (_command, [, script]) => base64(new Uint8Array(random(Number.parseInt(script.slice(7), 10)))) },
    console: { log() {}, info() {}, warn() {}, error() {}, debug() {} },
    readbuffer: nothing,
    AbortController: class AbortController {},
    AbortSignal: class AbortSignal {},
    Request: class Request {},
    URL: class URL {
      constructor(text) {
        this.href = text;
      }
    },
    setTimeout: () => 0,
    clearTimeout() {},
    location: 'file:///',
    performance: { now: Date.now, timeOrigin: 0 },
  };
}

class Utf8Encoder {
  encode(text = '') {
    return encodeUtf8(text);
  }

  encodeInto(text, target) {
    const bytes = encodeUtf8(text).subarray(0, target.length);
    target.set(bytes);
    return { read: text.length, written: bytes.length };
  }
}

/** The only encoding that the glue is given; others are read as if they were it. */
class Utf8Decoder {
  decode(view) {
    if (view === undefined) return '';
    return decodeUtf8(
      view instanceof Uint8Array ? view : new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength),
    );
  }
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function base64(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let n = 0; n < 4; n++) text += at + n > bytes.length ? '=' : digits[(group >> (18 - 6 * n)) & 63];
  }
  return text;
}
