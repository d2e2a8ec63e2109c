// The module `cordon`: input, memory, display.
const { call } = cordon;
const { parse, stringify } = cordon.primordials;

function checkKey(key) {
  if (typeof key !== 'string') throw new TypeError(`A memory key must be a string, not ${typeof key}`);
  return key;
}

/** A misspelt option would be a guard that is not there. */
function checkOptions(options, known) {
  if (options === undefined || options === null) return {};
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw new TypeError(`There is no option ${name}; there are ${known.join(', ')}`);
  return options;
}

/** The agent's durable key-value data. Every method answers a promise. */
const memory = {
  /** The value, or undefined when there is none. */
  async get(key) {
    const { value } = await call('memory.get', { __proto__: null, key: checkKey(key) });
    return value.found ? value.value : undefined;
  },
  /** Keeps any JSON value; answers its revision. `ifRevision: null` = the key must not exist, else RevisionMismatch. */
  async set(key, value, options) {
    const { ttlMs, ifRevision } = checkOptions(options, ['ttlMs', 'ifRevision']);
    const text = stringify(value);
    if (text === undefined) throw new TypeError(`memory.set needs a JSON value, not ${typeof value}`);
    const args = { __proto__: null, key: checkKey(key), value: parse(text) };
    if (ttlMs !== undefined) args.ttlMs = ttlMs;
    if (ifRevision !== undefined) args.ifRevision = ifRevision;
    return (await call('memory.set', args)).value;
  },
  /** Whether there was a value. */
  async delete(key, options) {
    const { ifRevision } = checkOptions(options, ['ifRevision']);
    const args = { __proto__: null, key: checkKey(key) };
    if (ifRevision !== undefined) args.ifRevision = ifRevision;
    return (await call('memory.delete', args)).value;
  },
  /** The keys that begin with `prefix`, sorted: [{key, revision, bytes, expiresAt?}]. */
  async list(prefix = '') {
    return (await call('memory.list', { __proto__: null, prefix: checkKey(prefix) })).value;
  },
};

export const module = {
  input: globalThis.input,
  memory,
  display: (value, mime) => cordon.lazy('display').display(value, mime),
};
