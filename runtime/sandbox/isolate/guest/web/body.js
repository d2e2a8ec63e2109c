// What requests and responses carry: bytes in memory, bytes that the host still receives, or a stream.
import { Blob } from './blob.js';
import { encodeForm, FormData } from './form-data.js';
import { RemoteBody } from './remote-body.js';

const { lazy } = cordon;
const { bytesOf } = lazy('result');
const tagOf = (value) => Object.prototype.toString.call(value);

/** {blob?, remote?, stream?, type?} of what a request or response was given as its body. */
function extract(body) {
  if (body === null || body === undefined) return {};
  if (body instanceof RemoteBody) return { remote: body };
  if (body instanceof Blob) return { blob: body, type: body.type || undefined };
  if (bytesOf(body) !== undefined) return { blob: new Blob([body]) };
  if (body instanceof FormData) return encodeForm(body);
  if (tagOf(body) === '[object URLSearchParams]')
    return { blob: new Blob([`${body}`]), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  if (tagOf(body) === '[object ReadableStream]') {
    if (body.locked || body._disturbed) throw new TypeError('The stream of a body must not be disturbed or locked');
    return { stream: body };
  }
  if (typeof body === 'object' && typeof body[Symbol.asyncIterator] === 'function')
    return { stream: lazy('streams').ReadableStream.from(body) };
  return { blob: new Blob([`${body}`]), type: 'text/plain;charset=UTF-8' };
}

/** For a copy of a request or response: its body, which both can read. */
export let shared;
/** For sending: a promise of an ArrayBuffer, undefined when there is no body. */
export let sent;

export class Body {
  #blob;
  #remote;
  #stream;
  #used = false;

  constructor(body, headers) {
    const { blob, remote, stream, type } = extract(body);
    this.#blob = blob;
    this.#remote = remote;
    this.#stream = stream;
    if (type !== undefined && !headers.has('content-type')) headers.set('content-type', type);
  }

  static {
    shared = (from) => {
      if (from.#isUnusable) throw new TypeError('Body has already been read');
      if (from.#remote === undefined && from.#stream === undefined) return from.#blob;
      const [mine, other] = from.body.tee();
      from.#stream = mine;
      return other;
    };
    sent = (from) => (from.#stream === undefined ? from.#blob?.arrayBuffer() : from.arrayBuffer());
  }

  get #isUnusable() {
    return this.bodyUsed || this.#stream?.locked === true;
  }

  /** All that is left, once. */
  async #rest() {
    if (this.#isUnusable) throw new TypeError('Body is unusable: Body has already been read');
    if (this.#stream !== undefined) {
      this.#used = true;
      return lazy('streams').readAll(this.#stream);
    }
    if (this.#remote !== undefined || this.#blob !== undefined) this.#used = true;
    return this.#remote?.rest() ?? this.#blob?.bytes() ?? new Uint8Array(0);
  }

  async #text() {
    return new TextDecoder().decode(await this.#rest());
  }

  get bodyUsed() {
    return this.#used || this.#stream?._disturbed === true;
  }

  get body() {
    if (this.#stream !== undefined) return this.#stream;
    if (this.#remote === undefined && this.#blob === undefined) return null;
    if (this.#used) {
      this.#stream = new Blob().stream();
      this.#stream.getReader();
    } else this.#stream = this.#remote ? lazy('streams').streamOf(this.#remote) : this.#blob.stream();
    return this.#stream;
  }

  async arrayBuffer() {
    const bytes = await this.#rest();
    const { buffer } = bytes;
    return bytes.length === buffer.byteLength ? buffer : bytes.slice().buffer;
  }

  async bytes() {
    return this.#rest();
  }

  async blob() {
    return new Blob([await this.#rest()], { type: this.headers.get('content-type') ?? '' });
  }

  async text() {
    return this.#text();
  }

  async json() {
    return JSON.parse(await this.#text());
  }

  async formData() {
    const text = await this.#text();
    if (!/^application\/x-www-form-urlencoded/.test(this.headers.get('content-type') ?? ''))
      throw new TypeError('formData() reads application/x-www-form-urlencoded only');
    const form = new FormData();
    for (const [name, value] of new URLSearchParams(text)) form.append(name, value);
    return form;
  }
}
