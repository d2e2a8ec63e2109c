// Buffer and node:buffer, from the package `buffer`.
import { kMaxLength, Buffer as PackageBuffer } from 'buffer/';

export const Buffer = PackageBuffer;

const custom = Symbol.for('nodejs.util.inspect.custom');
Object.defineProperty(Buffer.prototype, custom, {
  value: function inspect() {
    const shown = Array.from(this.subarray(0, 50), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const more = this.length - 50;
    return `<Buffer${shown ? ` ${shown}` : ''}${more > 0 ? ` ... ${more} more byte${more > 1 ? 's' : ''}` : ''}>`;
  },
  configurable: true,
  writable: true,
});
delete Buffer.prototype.inspect;

const plainToString = Buffer.prototype.toString;
Buffer.prototype.toString = function bufferToString(encoding, start, end) {
  if (encoding === 'base64url') {
    return plainToString.call(this, 'base64', start, end).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  }
  return plainToString.call(this, encoding, start, end);
};
const isEncoding = Buffer.isEncoding;
Buffer.isEncoding = (encoding) => isEncoding(encoding) || `${encoding}`.toLowerCase() === 'base64url';
const plainFrom = Buffer.from;
Buffer.from = function from(value, encoding, length) {
  return typeof value === 'string' && encoding === 'base64url'
    ? plainFrom(value, 'base64')
    : plainFrom(value, encoding, length);
};

export const module = {
  Buffer,
  kMaxLength,
  constants: { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: 536870888 },
  isUtf8: (bytes) => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      return true;
    } catch {
      return false;
    }
  },
  get Blob() {
    return globalThis.Blob;
  },
  get File() {
    return globalThis.File;
  },
  atob: (text) => globalThis.atob(text),
  btoa: (text) => globalThis.btoa(text),
};
