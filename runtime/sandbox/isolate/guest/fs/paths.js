// Paths, encodings and data, as node:fs takes them.
const { SafeUint8Array } = cordon.primordials;

/** An absolute guest path from a string, Buffer or file URL. */
export function toPath(value, name = 'path') {
  let path = value;
  if (path !== null && typeof path === 'object') {
    if (typeof path.href === 'string' && path.protocol === 'file:') path = decodeURIComponent(path.pathname);
    else if (cordon.lazy('result').bytesOf(path)) path = new TextDecoder().decode(path);
  }
  if (typeof path !== 'string') {
    const error = new TypeError(
      `The "${name}" argument must be of type string, Buffer or URL. Received ${value === null ? 'null' : typeof value}`,
    );
    error.code = 'ERR_INVALID_ARG_TYPE';
    throw error;
  }
  if (path.includes('\0')) {
    const error = new TypeError(`The argument '${name}' must be a string without null bytes`);
    error.code = 'ERR_INVALID_ARG_VALUE';
    throw error;
  }
  if (path === '') return '';
  return cordon.lazy('path').path.resolve('/workspace', path);
}

/** {encoding, ...} from options that may be just an encoding. */
export function toOptions(options) {
  return typeof options === 'string' ? { encoding: options } : (options ?? {});
}

/** Text or bytes as an ArrayBuffer of exactly that content. */
export function toBytes(data, encoding) {
  if (typeof data === 'string') {
    const bytes =
      encoding === undefined || /^utf-?8$/i.test(encoding)
        ? new TextEncoder().encode(data)
        : Buffer.from(data, encoding);
    return exact(bytes);
  }
  const bytes = cordon.lazy('result').bytesOf(data);
  if (bytes === undefined) {
    const error = new TypeError(
      `The "data" argument must be a string or bytes. Received ${data === null ? 'null' : typeof data}`,
    );
    error.code = 'ERR_INVALID_ARG_TYPE';
    throw error;
  }
  return exact(bytes);
}

function exact(bytes) {
  return cordon.primordials.bufferSlice(bytes.buffer, bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/** What a read answers: a Buffer, or text. */
export function fromBytes(buffer, encoding) {
  const bytes = new SafeUint8Array(buffer);
  if (encoding === undefined || encoding === null || encoding === 'buffer') return Buffer.from(bytes.buffer);
  if (/^utf-?8$/i.test(encoding)) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return Buffer.from(bytes.buffer).toString(encoding);
}
