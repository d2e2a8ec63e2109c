// A small process: output, an empty environment, exit, nextTick, cwd.
const { write, exit, microtask } = cordon;
const { lazy } = cordon;

function stream(name) {
  const self = {
    isTTY: false,
    writable: true,
    columns: undefined,
    write(chunk, encoding, done) {
      const callback = typeof encoding === 'function' ? encoding : done;
      const bytes = typeof chunk === 'string' ? undefined : lazy('result').bytesOf(chunk);
      if (typeof chunk !== 'string' && bytes === undefined) throw new TypeError('write needs a string or bytes');
      write(name, bytes === undefined ? chunk : new TextDecoder().decode(bytes));
      if (typeof callback === 'function') microtask(callback, []);
      return true;
    },
    end(chunk, encoding, done) {
      if (chunk !== undefined && typeof chunk !== 'function') self.write(chunk);
      const callback = [chunk, encoding, done].find((value) => typeof value === 'function');
      if (callback !== undefined) microtask(callback, []);
      return self;
    },
    on: () => self,
    once: () => self,
    off: () => self,
    emit: () => false,
  };
  return self;
}

export const process = {
  stdout: stream('stdout'),
  stderr: stream('stderr'),
  env: Object.freeze({ __proto__: null }),
  argv: ['node', '/workspace/main.ts'],
  exitCode: undefined,
  exit(code = process.exitCode ?? 0) {
    const number = Number(code);
    exit(Number.isInteger(number) ? number & 255 : 1);
  },
  nextTick(callback, ...args) {
    microtask(callback, args);
  },
  cwd() {
    return '/workspace';
  },
};
