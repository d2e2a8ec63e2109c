// Small read and write streams over ranges: events, async iteration, pipe to a writable of the same shape.
const chunkBytes = 64 * 1024;

/** A readable: 'data', 'end', 'close', 'error', `for await`, pipe. */
export function createReadStream(promises, path, options) {
  const {
    encoding,
    start = 0,
    end = Infinity,
    highWaterMark = chunkBytes,
  } = typeof options === 'string' ? { encoding: options } : (options ?? {});
  const { EventEmitter } = cordon.lazy('emitter');
  const stream = new EventEmitter();
  let decoder = encoding ? new TextDecoder(encoding) : undefined;
  async function* chunks() {
    const file = await promises.open(path, 'r');
    try {
      let position = start;
      while (position <= end) {
        const buffer = Buffer.alloc(Math.min(highWaterMark, end - position + 1));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        const bytes = buffer.subarray(0, bytesRead);
        const chunk = decoder ? decoder.decode(bytes, { stream: true }) : bytes;
        if (chunk.length > 0) yield chunk;
      }
      const rest = decoder?.decode();
      if (rest) yield rest;
    } finally {
      await file.close();
    }
  }
  let flowing = false;
  let destroyed = false;
  const flow = async () => {
    if (flowing) return;
    flowing = true;
    try {
      for await (const chunk of chunks()) {
        if (destroyed) break;
        stream.emit('data', chunk);
      }
      if (!destroyed) stream.emit('end');
    } catch (error) {
      stream.emit('error', error);
    }
    stream.emit('close');
  };
  const on = stream.on;
  stream.on = stream.addListener = (name, listener) => {
    on.call(stream, name, listener);
    if (name === 'data') cordon.microtask(flow, []);
    return stream;
  };
  stream.resume = () => {
    cordon.microtask(flow, []);
    return stream;
  };
  stream.setEncoding = (name) => {
    decoder = new TextDecoder(name);
    return stream;
  };
  stream.destroy = () => {
    destroyed = true;
    return stream;
  };
  stream.pipe = (target) => {
    stream.on('data', (chunk) => target.write(chunk));
    stream.on('end', () => target.end());
    return target;
  };
  stream[Symbol.asyncIterator] = chunks;
  stream.path = path;
  return stream;
}

/** A writable: write, end, 'finish', 'close', 'error'. Writes go out in order. */
export function createWriteStream(promises, path, options) {
  const { flags = 'w', encoding, start } = typeof options === 'string' ? { encoding: options } : (options ?? {});
  const { EventEmitter } = cordon.lazy('emitter');
  const stream = new EventEmitter();
  let position = start;
  stream.bytesWritten = 0;
  stream.path = path;
  let queue = promises.open(path, flags);
  let failed = false;
  const step = (body) => {
    queue = queue.then(body);
    queue.catch((error) => {
      if (failed) return;
      failed = true;
      stream.emit('error', error);
    });
  };
  step((file) => {
    stream.emit('open', file.fd);
    return file;
  });
  stream.write = (chunk, kind, done) => {
    const callback = typeof kind === 'function' ? kind : done;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, typeof kind === 'string' ? kind : encoding) : chunk;
    step(async (file) => {
      await file.write(bytes, 0, bytes.length, position);
      if (position !== undefined) position += bytes.length;
      stream.bytesWritten += bytes.length;
      if (callback) callback();
      return file;
    });
    return true;
  };
  stream.end = (chunk, kind, done) => {
    const callback = [chunk, kind, done].find((value) => typeof value === 'function');
    if (chunk !== undefined && typeof chunk !== 'function')
      stream.write(chunk, typeof kind === 'string' ? kind : undefined);
    step(async (file) => {
      await file.close();
      if (callback) callback();
      stream.emit('finish');
      stream.emit('close');
      return file;
    });
    return stream;
  };
  stream.close = stream.destroy = () => stream.end();
  return stream;
}
