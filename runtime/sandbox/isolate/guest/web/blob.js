// https://w3c.github.io/FileAPI/
const { bytesOf } = cordon.lazy('result');

export class Blob {
  #bytes;
  #type;

  constructor(parts = [], options = {}) {
    const chunks = [...parts].map((part) => {
      if (part instanceof Blob) return part.#bytes;
      return bytesOf(part) ?? new TextEncoder().encode(`${part}`);
    });
    this.#bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      this.#bytes.set(chunk, at);
      at += chunk.length;
    }
    const type = `${options?.type ?? ''}`;
    this.#type = /[^\x20-\x7e]/.test(type) ? '' : type.toLowerCase();
  }

  get size() {
    return this.#bytes.length;
  }

  get type() {
    return this.#type;
  }

  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }

  async bytes() {
    return this.#bytes.slice();
  }

  async text() {
    return new TextDecoder().decode(this.#bytes);
  }

  stream() {
    let left = this.#bytes;
    return cordon.lazy('streams').streamOf({
      async next() {
        const bytes = left?.slice();
        left = undefined;
        return bytes?.length === 0 ? undefined : bytes;
      },
      cancel() {
        left = undefined;
      },
    });
  }

  slice(start = 0, end = this.size, type = '') {
    return new Blob([this.#bytes.slice(start, end)], { type });
  }

  get [Symbol.toStringTag]() {
    return 'Blob';
  }
}

export class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, options = {}) {
    super(parts, options);
    this.#name = `${name}`;
    this.#lastModified = options.lastModified ?? Date.now();
  }

  get name() {
    return this.#name;
  }

  get lastModified() {
    return this.#lastModified;
  }

  get [Symbol.toStringTag]() {
    return 'File';
  }
}
