// The console methods that few programs use.
const { lazy, now, output, print } = cordon;
const inspect = (value, options) => lazy('inspect').inspect(value, options);

const counts = new Map();
const times = new Map();

/** Every line of `text` behind the indentation of the open groups. */
export function indent(text, by) {
  return `${by}${text.replaceAll('\n', `\n${by}`)}\n`;
}

function duration(ms) {
  if (ms >= 60_000)
    return `${Math.floor(ms / 60_000)}:${((ms % 60_000) / 1000).toFixed(3).padStart(6, '0')} (m:ss.mmm)`;
  return ms >= 1000 ? `${(ms / 1000).toFixed(3)}s` : `${ms.toFixed(3).replace(/\.?0+$/, '')}ms`;
}

function group(...args) {
  if (args.length > 0) print('stdout', args);
  output.indent += '  ';
}

function timer(label, more, end) {
  const name = `${label ?? 'default'}`;
  const started = times.get(name);
  if (started === undefined)
    return print('stderr', [`Warning: No such label '${name}' for console.${end ? 'timeEnd' : 'timeLog'}()`]);
  if (end) times.delete(name);
  return print('stdout', [`${name}: ${duration(Math.round((now() - started) * 10) / 10)}`, ...more]);
}

function table(data, columns) {
  if (data === null || typeof data !== 'object') return print('stdout', [data]);
  const isMap = data instanceof Map;
  const isSet = data instanceof Set;
  const rows = isMap
    ? [...data].map(([key, value], n) => [n, value, key])
    : isSet
      ? [...data].map((value, n) => [n, value])
      : Object.entries(data);
  const names = [];
  let hasValues = false;
  for (const [, value] of rows) {
    if (value === null || typeof value !== 'object') hasValues = true;
    else for (const name of Object.keys(value)) if (!names.includes(name)) names.push(name);
  }
  const shown = columns ?? names;
  const show = (value) => inspect(value, { depth: 0, compact: 3, breakLength: Infinity });
  const header = [
    isMap || isSet ? '(iteration index)' : '(index)',
    ...(isMap ? ['Key'] : []),
    ...shown,
    ...(hasValues ? ['Values'] : []),
  ];
  const lines = rows.map(([index, value, key]) => {
    const isObject = value !== null && typeof value === 'object';
    return [
      `${index}`,
      ...(isMap ? [show(key)] : []),
      ...shown.map((name) => (isObject && Object.hasOwn(value, name) ? show(value[name]) : '')),
      ...(hasValues ? [isObject ? '' : show(value)] : []),
    ];
  });
  const widths = header.map((name, n) => Math.max(...[header, ...lines].map((line) => [...`${line[n]}`].length)) + 2);
  const line = (cells) =>
    `│${cells.map((cell, n) => ` ${cell}${' '.repeat(widths[n] - [...cell].length - 1)}`).join('│')}│`;
  const rule = (left, middle, right) => left + widths.map((width) => '─'.repeat(width)).join(middle) + right;
  print('stdout', [
    [rule('┌', '┬', '┐'), line(header), rule('├', '┼', '┤'), ...lines.map(line), rule('└', '┴', '┘')].join('\n'),
  ]);
}

export const methods = {
  __proto__: null,
  table,
  group,
  groupCollapsed: group,
  groupEnd() {
    output.indent = output.indent.slice(2);
  },
  dir(value, options) {
    print('stdout', [inspect(value, options)]);
  },
  dirxml(...args) {
    print('stdout', args);
  },
  trace(...args) {
    const error = new Error(lazy('inspect').formatAll(args));
    error.name = 'Trace';
    const stack = `${error.stack}`.split('\n').filter((line) => line.startsWith('    at '));
    print('stderr', [[error.message ? `Trace: ${error.message}` : 'Trace', ...stack].join('\n')]);
  },
  time(label = 'default') {
    times.set(`${label}`, now());
  },
  timeLog(label, ...more) {
    timer(label, more, false);
  },
  timeEnd(label) {
    timer(label, [], true);
  },
  count(label = 'default') {
    const count = (counts.get(`${label}`) ?? 0) + 1;
    counts.set(`${label}`, count);
    print('stdout', [`${label}: ${count}`]);
  },
  countReset(label = 'default') {
    counts.delete(`${label}`);
  },
  assert(condition, ...args) {
    if (condition) return;
    if (typeof args[0] === 'string') args[0] = `Assertion failed: ${args[0]}`;
    else args.unshift('Assertion failed');
    print('stderr', args);
  },
  clear() {},
};
