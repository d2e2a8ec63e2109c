// Results that JSON cannot say exactly. The table is in API.md: bigint, date, number, map, set, bytes as data; functions,
// symbols, cycles and instances of classes as inspected text.
const { lazy } = cordon;
const { uncurry, stringify, string, getPrototypeOf, isView, viewBuffer, viewOffset, viewLength, typedArrayTag } =
  cordon.primordials;
const { dataViewBuffer, dataViewOffset, dataViewLength, bufferLength, SafeUint8Array, functionToString, slice } =
  cordon.primordials;
const { mapForEach, getOwnPropertyDescriptor } = cordon.primordials;
const setForEach = uncurry(Set.prototype.forEach);
const setSize = uncurry(getOwnPropertyDescriptor(Set.prototype, 'size').get);
const mapSize = uncurry(getOwnPropertyDescriptor(Map.prototype, 'size').get);
const getTime = uncurry(Date.prototype.getTime);
const toISOString = uncurry(Date.prototype.toISOString);

const longestText = 16_384;

/** Whether `test` accepts the value without throwing: brand checks that a guest cannot forge. */
function is(test, value) {
  try {
    test(value);
    return true;
  } catch {
    return false;
  }
}

/** The bytes of an ArrayBuffer or a view, else undefined. */
export function bytesOf(value) {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    if (isView(value)) {
      return typedArrayTag(value) === undefined
        ? new SafeUint8Array(dataViewBuffer(value), dataViewOffset(value), dataViewLength(value))
        : new SafeUint8Array(viewBuffer(value), viewOffset(value), viewLength(value));
    }
    bufferLength(value);
    return new SafeUint8Array(value);
  } catch {
    return undefined;
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Bytes as base64. */
export function base64(bytes) {
  let text = '';
  const length = viewLength(bytes);
  for (let n = 0; n < length; n += 3) {
    const word = (bytes[n] << 16) | ((n + 1 < length ? bytes[n + 1] : 0) << 8) | (n + 2 < length ? bytes[n + 2] : 0);
    text += alphabet[word >> 18] + alphabet[(word >> 12) & 63];
    text += (n + 1 < length ? alphabet[(word >> 6) & 63] : '=') + (n + 2 < length ? alphabet[word & 63] : '=');
  }
  return text;
}

/** How many bytes `text` takes in UTF-8. */
export function utf8Length(text) {
  let bytes = text.length;
  for (let n = 0; n < text.length; n++) {
    const unit = cordon.primordials.charCodeAt(text, n);
    if (unit > 0x7ff) bytes += unit >= 0xd800 && unit <= 0xdfff ? 1 : 2;
    else if (unit > 0x7f) bytes++;
  }
  return bytes;
}

function kindOf(value) {
  switch (typeof value) {
    case 'bigint':
      return 'bigint';
    case 'number':
      return 'number';
    case 'symbol':
      return 'symbol';
    case 'function':
      return 'function';
  }
  if (is(getTime, value)) return 'date';
  if (is(mapSize, value)) return 'map';
  if (is(setSize, value)) return 'set';
  if (bytesOf(value) !== undefined) return 'bytes';
  return undefined;
}

/** JSON text of a value that plain JSON does not have. `write(value, state)` writes what lies inside. */
function write(value, kind, state) {
  const leaf = (text) => cordon.leaf(text, state);
  switch (kind) {
    case 'bigint':
    case 'number':
      return leaf(string(value));
    case 'date': {
      const text = is(toISOString, value) ? toISOString(value) : 'Invalid Date';
      return leaf(text);
    }
    case 'bytes': {
      const bytes = bytesOf(value);
      state.left -= (viewLength(bytes) / 3) * 4;
      if (state.left < 0) return leaf('x');
      state.left += (viewLength(bytes) / 3) * 4;
      return leaf(base64(bytes));
    }
    case 'map':
      return cordon.open(value, state, () => {
        let text = '';
        mapForEach(value, (item, key) => {
          text += `${text === '' ? '' : ','}[${cordon.writeNested(key, state)},${cordon.writeNested(item, state)}]`;
        });
        return `[${text}]`;
      });
    case 'set':
      return cordon.open(value, state, () => {
        let text = '';
        setForEach(value, (item) => {
          text += `${text === '' ? '' : ','}${cordon.writeNested(item, state)}`;
        });
        return `[${text}]`;
      });
    default:
      return leaf(show(value));
  }
}

/** A value at the top: {text, type}. */
export function special(value, state) {
  const kind = kindOf(value);
  const most = state.left;
  const text = write(value, kind, state);
  if (cordon.bytesOver(text, most)) return { __proto__: null, limit: true };
  return { __proto__: null, text, type: kind ?? className(value) };
}

/** A value inside a container. */
export function nested(value, state) {
  return write(value, kindOf(value), state);
}

/** The whole value as inspected text. */
export function inspected(value, type, most) {
  const text = stringify(show(value));
  return cordon.bytesOver(text, most) ? { __proto__: null, limit: true } : { __proto__: null, text, type };
}

/** What a getter threw, as text in the place of its value. */
export function thrown(error) {
  const { name, message } = cordon.describeError(error);
  return `[Getter threw ${name}: ${message}]`;
}

function show(value) {
  try {
    const text = lazy('inspect').inspect(value);
    return text.length > longestText
      ? `${slice(text, 0, longestText)}… ${text.length - longestText} more characters`
      : text;
  } catch {
    return typeof value === 'function' ? '[Function]' : '[Object]';
  }
}

/** The name of the class of an instance, for resultType. */
function className(value) {
  try {
    for (let proto = getPrototypeOf(value), n = 0; proto !== null && n < 50; n++, proto = getPrototypeOf(proto)) {
      const descriptor = getOwnPropertyDescriptor(proto, 'constructor');
      const maker = descriptor?.value;
      if (typeof maker === 'function') {
        functionToString(maker);
        const name = getOwnPropertyDescriptor(maker, 'name')?.value;
        if (typeof name === 'string' && name !== '') return slice(name, 0, 100);
      }
    }
  } catch {}
  return 'object';
}
