// https://fetch.spec.whatwg.org/#headers-class
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function name(value) {
  const text = `${value}`.toLowerCase();
  if (!token.test(text)) throw new TypeError(`Header name must be a valid HTTP token ["${value}"]`);
  return text;
}

function content(value) {
  const text = `${value}`.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  if (/[\0\n\r]|[^\x00-\xff]/.test(text)) throw new TypeError('The header value is not valid');
  return text;
}

export class Headers {
  #list = new Map();

  constructor(init) {
    if (init === undefined || init === null) return;
    if (typeof init !== 'object') throw new TypeError('Headers needs an object, pairs or Headers');
    const pairs = typeof init[Symbol.iterator] === 'function' ? [...init] : Object.entries(init);
    for (const pair of pairs) {
      const [key, value] = [...pair];
      this.append(key, value);
    }
  }

  append(key, value) {
    const list = this.#list.get(name(key)) ?? [];
    this.#list.set(name(key), [...list, content(value)]);
  }

  set(key, value) {
    this.#list.set(name(key), [content(value)]);
  }

  get(key) {
    return this.#list.get(name(key))?.join(', ') ?? null;
  }

  getSetCookie() {
    return [...(this.#list.get('set-cookie') ?? [])];
  }

  has(key) {
    return this.#list.has(name(key));
  }

  delete(key) {
    this.#list.delete(name(key));
  }

  forEach(callback, self) {
    for (const [key, value] of this) callback.call(self, value, key, this);
  }

  *entries() {
    for (const key of [...this.#list.keys()].sort()) {
      if (key === 'set-cookie') for (const value of this.#list.get(key)) yield [key, value];
      else yield [key, this.#list.get(key).join(', ')];
    }
  }

  *keys() {
    for (const [key] of this) yield key;
  }

  *values() {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get [Symbol.toStringTag]() {
    return 'Headers';
  }

  [Symbol.for('nodejs.util.inspect.custom')](_depth, options, inspect) {
    return `Headers ${inspect(Object.fromEntries(this), options)}`;
  }
}
