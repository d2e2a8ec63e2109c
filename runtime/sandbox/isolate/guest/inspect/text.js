// Strings and keys as JavaScript writes them.
const escapes = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '\\': '\\\\' };

/** A string in the quotes that need the fewest escapes. */
export function quote(text) {
  let mark = "'";
  if (text.includes("'")) {
    if (!text.includes('"')) mark = '"';
    else if (!text.includes('`') && !text.includes('${')) mark = '`';
  }
  const escaped = text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
    /[\x00-\x1f\x7f-\x9f\\]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (unit) => {
      if (escapes[unit]) return escapes[unit];
      const code = unit.charCodeAt(0);
      return code > 0xff
        ? `\\u${code.toString(16).toUpperCase()}`
        : `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`;
    },
  );
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

/** A property's name before its colon. */
export function keyText(key) {
  if (typeof key === 'symbol') return `[${Symbol.prototype.toString.call(key)}]`;
  if (key === '__proto__') return "['__proto__']";
  return /^[a-zA-Z_][a-zA-Z_0-9]*$/.test(key) ? key : quote(key);
}
