/** node:util's parseArgs: {args, options, strict, allowPositionals} -> {values, positionals}. */
export function parseArgs({ args = [], options = {}, strict = true, allowPositionals = !strict } = {}) {
  const values = { __proto__: null };
  const positionals = [];
  const keep = (name, value) => {
    if (options[name]?.multiple) values[name] = [...(values[name] ?? []), value];
    else values[name] = value;
  };
  const known = (name, shown) => {
    if (strict && !options[name])
      throw Object.assign(new TypeError(`Unknown option '${shown}'`), { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' });
    return options[name]?.type === 'string';
  };
  const rest = [...args];
  while (rest.length > 0) {
    const arg = rest.shift();
    if (arg === '--') {
      positionals.push(...rest.splice(0));
    } else if (/^--[^=]+/.test(arg)) {
      const [, name, value] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(arg);
      if (known(name, `--${name}`)) {
        if (value === undefined && rest.length === 0)
          throw new TypeError(`Option '--${name} <value>' argument missing`);
        keep(name, value ?? rest.shift());
      } else keep(name, value ?? true);
    } else if (/^-[^-]/.test(arg)) {
      for (let n = 1; n < arg.length; n++) {
        const name = Object.keys(options).find((option) => options[option].short === arg[n]) ?? arg[n];
        if (known(name, `-${arg[n]}`)) {
          keep(name, n + 1 < arg.length ? arg.slice(n + 1) : rest.shift());
          break;
        }
        keep(name, true);
      }
    } else {
      if (!allowPositionals)
        throw Object.assign(new TypeError(`Unexpected argument '${arg}'`), {
          code: 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL',
        });
      positionals.push(arg);
    }
  }
  for (const name of Object.keys(options))
    if (values[name] === undefined && 'default' in options[name]) values[name] = options[name].default;
  return { values, positionals };
}
