// URL and URLSearchParams, from the reference implementation whatwg-url.
import { URL, URLSearchParams } from 'whatwg-url';

const custom = Symbol.for('nodejs.util.inspect.custom');
Object.defineProperty(URLSearchParams.prototype, custom, {
  value(_depth, _options, inspect) {
    const pairs = [...this].map(([key, value]) => `${inspect(key)} => ${inspect(value)}`);
    return pairs.length === 0 ? 'URLSearchParams {}' : `URLSearchParams { ${pairs.join(', ')} }`;
  },
});
Object.defineProperty(URL.prototype, custom, {
  value(_depth, options, inspect) {
    const shown = {};
    for (const name of [
      'href',
      'origin',
      'protocol',
      'username',
      'password',
      'host',
      'hostname',
      'port',
      'pathname',
      'search',
      'searchParams',
      'hash',
    ])
      shown[name] = this[name];
    return `URL ${inspect(shown, options)}`;
  },
});
export { URL, URLSearchParams };
