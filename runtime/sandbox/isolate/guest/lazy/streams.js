// Web streams (https://streams.spec.whatwg.org) from web-streams-polyfill, and the streams of TextEncoder and TextDecoder.
import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableStream,
  TransformStream,
  WritableStream,
} from 'web-streams-polyfill';

export { ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, TransformStream, WritableStream };

/** A stream of bytes over {next, cancel}: `next` answers bytes, or undefined at the end, and is asked only for what is read. */
export function streamOf(source) {
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      const piece = await source.next();
      if (piece !== undefined) return controller.enqueue(piece);
      controller.close();
      return controller.byobRequest?.respond(0);
    },
    cancel: (reason) => source.cancel(reason),
  });
}

/** All that is left of a stream of bytes, as one array. */
export async function readAll(stream) {
  const reader = stream.getReader();
  const chunks = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks);
    if (!(value instanceof Uint8Array)) {
      const error = new TypeError('Received a chunk that is not a Uint8Array');
      await reader.cancel(error);
      throw error;
    }
    chunks.push(value);
  }
}

function joined(chunks) {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

class Piped {
  #transform;

  constructor(transformer) {
    this.#transform = new TransformStream(transformer);
  }

  get readable() {
    return this.#transform.readable;
  }

  get writable() {
    return this.#transform.writable;
  }
}

export class TextDecoderStream extends Piped {
  #decoder;

  constructor(label = 'utf-8', options = {}) {
    const decoder = new TextDecoder(label, options);
    const give = (text, controller) => {
      if (text !== '') controller.enqueue(text);
    };
    super({
      transform: (chunk, controller) => give(decoder.decode(chunk, { stream: true }), controller),
      flush: (controller) => give(decoder.decode(), controller),
    });
    this.#decoder = decoder;
  }

  get encoding() {
    return this.#decoder.encoding;
  }

  get fatal() {
    return this.#decoder.fatal;
  }

  get ignoreBOM() {
    return this.#decoder.ignoreBOM;
  }

  get [Symbol.toStringTag]() {
    return 'TextDecoderStream';
  }
}

export class TextEncoderStream extends Piped {
  constructor() {
    const encoder = new TextEncoder();
    // The first half of a pair whose second half may come with the next chunk.
    let half = '';
    super({
      transform(chunk, controller) {
        const text = half + chunk;
        half = /[\ud800-\udbff]$/.test(text) ? text.at(-1) : '';
        const bytes = encoder.encode(text.slice(0, text.length - half.length));
        if (bytes.length > 0) controller.enqueue(bytes);
      },
      flush(controller) {
        if (half !== '') controller.enqueue(encoder.encode(half));
      },
    });
  }

  get encoding() {
    return 'utf-8';
  }

  get [Symbol.toStringTag]() {
    return 'TextEncoderStream';
  }
}
