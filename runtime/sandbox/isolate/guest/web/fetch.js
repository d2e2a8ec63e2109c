// Request, Response and fetch, which asks the host.
import { Blob } from './blob.js';
import { Body, sent, shared } from './body.js';
import { Headers } from './headers.js';
import { enter, ignore, leave, RemoteBody } from './remote-body.js';

const { call } = cordon;
/** Statuses of responses that have no body. */
const bodiless = [204, 205, 304];

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
    const body = init.body !== undefined ? init.body : from && shared(from);
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
    if (body !== undefined && body !== null && bodiless.includes(status))
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
    const copy = new Response(shared(this), {
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

  static received(answer, body, url) {
    const response = new Response(body, answer);
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

let lastCall = 0;

export async function fetch(input, init) {
  const request = new Request(input, init);
  const { signal } = request;
  signal.throwIfAborted();
  const asked = { __proto__: null, call: ++lastCall, isUnderWay: false };
  const { promise: aborted, reject } = Promise.withResolvers();
  const onAbort = () => {
    if (asked.isUnderWay) call('fetch.cancel', { __proto__: null, call: asked.call }).then(ignore, ignore);
    reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([ask(request, asked), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Asks the host: operation `fetch` {url, method, headers: [[name, value]], redirect, call} + bytes -> {status, statusText?,
 * headers, url?, body?} + bytes. `body` is the number of the rest, `call` what `fetch.cancel` names until it is answered.
 */
async function ask(request, asked) {
  const { url, method, redirect, signal } = request;
  const sending = sent(request);
  const body = sending && (await sending);
  const place = enter();
  if (place !== undefined) await place;
  let answer;
  try {
    signal.throwIfAborted();
    asked.isUnderWay = true;
    const args = { __proto__: null, url, method, headers: [...request.headers], redirect, call: asked.call };
    answer = await call('fetch', args, body);
  } catch (error) {
    leave();
    throw error;
  } finally {
    asked.isUnderWay = false;
  }
  const { value, bytes } = answer;
  const remote = value.body === undefined ? undefined : new RemoteBody(value.body, bytes, signal);
  if (remote === undefined) leave();
  const isBodiless = bodiless.includes(value.status);
  if (isBodiless || signal.aborted) remote?.cancel();
  return received(value, isBodiless ? null : (remote ?? bytes ?? new Blob()), url);
}
