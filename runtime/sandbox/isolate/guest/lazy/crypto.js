// crypto: random values from the host's entropy, digests from @noble/hashes.
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

// Entropy comes in larger pieces: each call of the host costs as much as a thousand bytes of it.
const POOL = 1024;
let pool = new Uint8Array(0);
let taken = 0;
function random(length) {
  if (length > POOL) return cordon.random(length);
  if (taken + length > pool.length) {
    pool = new Uint8Array(cordon.random(POOL));
    taken = 0;
  }
  taken += length;
  return pool.slice(taken - length, taken);
}

const { bytesOf } = cordon.lazy('result');
const hashes = { __proto__: null, 'SHA-1': sha1, 'SHA-256': sha256, 'SHA-384': sha384, 'SHA-512': sha512 };
const integers = /^(Big)?(Int|Uint)(8|16|32|64)(Clamped)?Array$/;

export class SubtleCrypto {
  async digest(algorithm, data) {
    const name = `${typeof algorithm === 'object' ? algorithm?.name : algorithm}`.toUpperCase();
    const hash = hashes[name];
    if (hash === undefined)
      throw new globalThis.DOMException(
        `The digest '${name}' is not available here. There are: SHA-1, SHA-256, SHA-384, SHA-512.`,
        'NotSupportedError',
      );
    const bytes = bytesOf(data);
    if (bytes === undefined) throw new TypeError('digest needs an ArrayBuffer or a view of one');
    return new Uint8Array(hash(bytes)).buffer;
  }
}
for (const name of [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'generateKey',
  'deriveKey',
  'deriveBits',
  'importKey',
  'exportKey',
  'wrapKey',
  'unwrapKey',
]) {
  SubtleCrypto.prototype[name] = async () => {
    throw new globalThis.DOMException(
      `crypto.subtle.${name} is not available here. There is: digest.`,
      'NotSupportedError',
    );
  };
}

export class CryptoKey {
  constructor() {
    throw new TypeError('Illegal constructor');
  }
}

export class Crypto {
  subtle = new SubtleCrypto();

  getRandomValues(view) {
    if (!ArrayBuffer.isView(view) || !integers.test(view[Symbol.toStringTag]))
      throw new globalThis.DOMException('getRandomValues needs a typed array of integers', 'TypeMismatchError');
    if (view.byteLength > 65536)
      throw new globalThis.DOMException(
        `getRandomValues gives at most 65536 bytes, not ${view.byteLength}`,
        'QuotaExceededError',
      );
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(new Uint8Array(random(view.byteLength)));
    return view;
  }

  randomUUID() {
    const bytes = new Uint8Array(random(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }
}

export const crypto = new Crypto();

/** createHash of node:crypto, for the same digests. */
export function createHash(name) {
  const hash = hashes[`${name}`.toUpperCase().replace(/^SHA-?(\d+)$/, 'SHA-$1')];
  if (hash === undefined)
    throw new Error(`The digest '${name}' is not available here. There are: sha1, sha256, sha384, sha512.`);
  const state = hash.create();
  const self = {
    update(data, encoding) {
      state.update(typeof data === 'string' ? Buffer.from(data, encoding) : bytesOf(data));
      return self;
    },
    digest(encoding) {
      const bytes = Buffer.from(state.digest());
      return encoding === undefined ? bytes : bytes.toString(encoding);
    },
  };
  return self;
}
