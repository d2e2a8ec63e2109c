// https://xhr.spec.whatwg.org/#interface-formdata
import { Blob, File } from './blob.js';

export class FormData {
  #entries = [];

  #entry(name, value, filename) {
    if (!(value instanceof Blob)) return [`${name}`, `${value}`];
    if (value instanceof File && filename === undefined) return [`${name}`, value];
    return [`${name}`, new File([value], filename ?? 'blob', { type: value.type })];
  }

  append(name, value, filename) {
    this.#entries.push(this.#entry(name, value, filename));
  }

  set(name, value, filename) {
    const at = this.#entries.findIndex(([key]) => key === `${name}`);
    this.delete(name);
    this.#entries.splice(at < 0 ? this.#entries.length : at, 0, this.#entry(name, value, filename));
  }

  delete(name) {
    this.#entries = this.#entries.filter(([key]) => key !== `${name}`);
  }

  get(name) {
    return this.#entries.find(([key]) => key === `${name}`)?.[1] ?? null;
  }

  getAll(name) {
    return this.#entries.filter(([key]) => key === `${name}`).map(([, value]) => value);
  }

  has(name) {
    return this.#entries.some(([key]) => key === `${name}`);
  }

  forEach(callback, self) {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries() {
    for (const [name, value] of this.#entries) yield [name, value];
  }

  *keys() {
    for (const [name] of this.#entries) yield name;
  }

  *values() {
    for (const [, value] of this.#entries) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get [Symbol.toStringTag]() {
    return 'FormData';
  }
}

/** multipart/form-data: {blob, type}. */
export function encodeForm(form) {
  const boundary = `----cordon${cordon.lazy('crypto').crypto.randomUUID().replaceAll('-', '')}`;
  const escaped = (text) => text.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');
  const parts = [];
  for (const [name, value] of form) {
    parts.push(`--${boundary}\r\nContent-Disposition: form-data; name="${escaped(name)}"`);
    if (typeof value === 'string') parts.push(`\r\n\r\n${value}\r\n`);
    else
      parts.push(
        `; filename="${escaped(value.name)}"\r\nContent-Type: ${value.type || 'application/octet-stream'}\r\n\r\n`,
        value,
        '\r\n',
      );
  }
  parts.push(`--${boundary}--\r\n`);
  return { blob: new Blob(parts), type: `multipart/form-data; boundary=${boundary}` };
}
