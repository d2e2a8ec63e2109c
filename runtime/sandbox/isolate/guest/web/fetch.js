// Request, Response and fetch, which asks the host. Bodies are in memory; `body` streams are not available.
import { Blob } from './blob.js';
import { encodeForm, FormData } from './form-data.js';
import { Headers } from './headers.js';

const { call } = cordon;
const { bytesOf } = cordon.lazy('result');

/** {blob, type} of what a request or response was given as its body. */
function extract(body) {
  if (body === null || body === undefined) return { blob: undefined, type: undefined };
  if (body instanceof Blob) return { blob: body, type: body.type || undefined };
  if (bytesOf(body) !== undefined) return { blob: new Blob([body]), type: undefined };
  if (body instanceof FormData) return encodeForm(body);
  if (Object.prototype.toString.call(body) === '[object URLSearchParams]') {
    return { blob: new Blob([`${body}`]), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  return { blob: new Blob([`${body}`]), type: 'text/plain;charset=UTF-8' };
}

class Body {
  #blob;
  #used = false;

  constructor(body, headers) {
    const { blob, type } = extract(body);
    this.#blob = blob;
    if (type !== undefined && !headers.has('content-type')) headers.set('content-type', type);
  }

  #take() {
    if (this.#used) throw new TypeError('Body is unusable: Body has already been read');
    if (this.#blob !== undefined) this.#used = true;
    return this.#blob ?? new Blob();
  }

  get bodyUsed() {
    return this.#used;
  }

  get body() {
    return null;
  }

  async arrayBuffer() {
    return this.#take().arrayBuffer();
  }

  async bytes() {
    return this.#take().bytes();
  }

  async blob() {
    return new Blob([this.#take()], { type: this.headers.get('content-type') ?? '' });
  }

  async text() {
    return this.#take().text();
  }

  async json() {
    return JSON.parse(await this.#take().text());
  }

  async formData() {
    const text = await this.#take().text();
    if (!/^application\/x-www-form-urlencoded/.test(this.headers.get('content-type') ?? ''))
      throw new TypeError('formData() reads application/x-www-form-urlencoded only');
    const form = new FormData();
    for (const [name, value] of new URLSearchParams(text)) form.append(name, value);
    return form;
  }

  /** For clone() and fetch: the body without using it up. */
  static blobOf(from) {
    if (from.#used) throw new TypeError('Body has already been read');
    return from.#blob;
  }
}

export class Request extends Body {
  #method;
  #url;
  #headers;
  #signal;
  #redirect;

  constructor(input, init = {}) {
    const from = input instanceof Request ? input : undefined;
    const method = `${init.method ?? from?.method ?? 'GET'}`;
    const known = /^(get|post|put|delete|head|options)$/i.test(method) ? method.toUpperCase() : method;
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(known)) throw new TypeError(`'${method}' is not a valid HTTP method.`);
    const headers = new Headers(init.headers ?? from?.headers);
    const body = init.body !== undefined ? init.body : from && Body.blobOf(from);
    if (body !== undefined && body !== null && /^(GET|HEAD)$/.test(known))
      throw new TypeError('Request with GET/HEAD method cannot have body.');
    super(body, headers);
    this.#method = known;
    this.#headers = headers;
    let url;
    try {
      url = new URL(from ? from.url : `${input}`);
    } catch {
      throw new TypeError(`Failed to parse URL from ${`${input}`.slice(0, 200)}`);
    }
    this.#url = url.href;
    this.#redirect = `${init.redirect ?? from?.redirect ?? 'follow'}`;
    if (!/^(follow|manual|error)$/.test(this.#redirect))
      throw new TypeError(`'${this.#redirect.slice(0, 40)}' is not a redirect mode: follow, manual or error.`);
    this.#signal = init.signal ?? from?.signal ?? new AbortController().signal;
  }

  get method() {
    return this.#method;
  }

  get url() {
    return this.#url;
  }

  get headers() {
    return this.#headers;
  }

  get signal() {
    return this.#signal;
  }

  get redirect() {
    return this.#redirect;
  }

  clone() {
    return new Request(this);
  }

  get [Symbol.toStringTag]() {
    return 'Request';
  }
}

export class Response extends Body {
  #status;
  #statusText;
  #headers;
  #url = '';
  #type = 'default';
  #redirected = false;

  constructor(body, init = {}) {
    const status = init?.status ?? 200;
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw new RangeError(`The status ${status} is not in the range 200 to 599`);
    const headers = new Headers(init?.headers);
    if (body !== undefined && body !== null && [204, 205, 304].includes(status))
      throw new TypeError(`A response with status ${status} has no body`);
    super(body, headers);
    this.#status = status;
    this.#statusText = `${init?.statusText ?? ''}`;
    this.#headers = headers;
  }

  get status() {
    return this.#status;
  }

  get statusText() {
    return this.#statusText;
  }

  get ok() {
    return this.#status >= 200 && this.#status < 300;
  }

  get headers() {
    return this.#headers;
  }

  get url() {
    return this.#url;
  }

  get type() {
    return this.#type;
  }

  get redirected() {
    return this.#redirected;
  }

  clone() {
    const copy = new Response(Body.blobOf(this), {
      status: this.#status,
      statusText: this.#statusText,
      headers: this.#headers,
    });
    copy.#url = this.#url;
    return copy;
  }

  static json(value, init = {}) {
    const headers = new Headers(init.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(JSON.stringify(value), { ...init, headers });
  }

  static error() {
    const response = new Response(null, { status: 200 });
    response.#status = 0;
    response.#type = 'error';
    return response;
  }

  static redirect(url, status = 302) {
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`Invalid status code ${status}`);
    return new Response(null, { status, headers: { location: new URL(url).href } });
  }

  static received(answer, bytes, url) {
    const response = new Response([204, 205, 304].includes(answer.status) ? null : bytes, answer);
    response.#url = answer.url ?? url;
    response.#type = 'basic';
    response.#redirected = response.#url !== url;
    return response;
  }

  get [Symbol.toStringTag]() {
    return 'Response';
  }
}
const { received } = Response;
delete Response.received;

/** Asks the host: operation `fetch` {url, method, headers: [[name, value]], redirect} + bytes -> {status, statusText?, headers, url?} + bytes. */
export async function fetch(input, init) {
  const request = new Request(input, init);
  request.signal.throwIfAborted();
  const body = Body.blobOf(request);
  const { url, method, redirect } = request;
  const args = { __proto__: null, url, method, headers: [...request.headers], redirect };
  const answered = call('fetch', args, body && (await body.arrayBuffer()));
  const aborted = new Promise((_, reject) =>
    request.signal.addEventListener('abort', () => reject(request.signal.reason), { once: true }),
  );
  const { value, bytes } = await Promise.race([answered, aborted]);
  return received(value, bytes, request.url);
}
