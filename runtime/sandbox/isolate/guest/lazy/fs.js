// node:fs over the workspace: sync, callback and promise forms of one table of operations.

import { createDescriptors } from '../fs/descriptors.js';
import { Dirent, Stats } from '../fs/entries.js';
import { createOperations } from '../fs/operations.js';
import { createReadStream, createWriteStream } from '../fs/streams.js';

const { ask, call } = cordon;

/** Operations are generators that yield host calls: driven by waiting, or by promises. */
const operations = createOperations();
const descriptors = createDescriptors(operations);
Object.assign(operations, descriptors.operations);

function runSync(steps) {
  let step = steps.next();
  while (!step.done) {
    const { op, args, bytes } = step.value;
    let answer;
    try {
      answer = ask(op, args, bytes);
    } catch (error) {
      step = steps.throw(describe(error));
      continue;
    }
    step = steps.next(answer);
  }
  return step.value;
}

async function runAsync(steps) {
  let step = steps.next();
  while (!step.done) {
    const { op, args, bytes } = step.value;
    let answer;
    try {
      answer = await call(op, args, bytes);
    } catch (error) {
      step = steps.throw(describe(error));
      continue;
    }
    step = steps.next(answer);
  }
  return step.value;
}

/** The fields that Node.js's errors have, from its message: "ENOENT: no such file or directory, open '/workspace/x'". */
function describe(error) {
  const told = /^(\w+): .*, (\w+)(?: '([^']*)'(?: -> '([^']*)')?)?$/.exec(error.message);
  if (told) {
    error.syscall = told[2];
    if (told[3] !== undefined) error.path = told[3];
    if (told[4] !== undefined) error.dest = told[4];
    const errno = {
      ENOENT: -2,
      EACCES: -13,
      EEXIST: -17,
      ENOTDIR: -20,
      EISDIR: -21,
      EINVAL: -22,
      ENOSPC: -28,
      ENOTEMPTY: -39,
    }[error.code];
    if (errno !== undefined) error.errno = errno;
  }
  return error;
}

const constants = {
  F_OK: 0,
  R_OK: 4,
  W_OK: 2,
  X_OK: 1,
  COPYFILE_EXCL: 1,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 64,
  O_EXCL: 128,
  O_TRUNC: 512,
  O_APPEND: 1024,
};
const promises = { constants };
const fs = { constants, promises, Stats, Dirent };

for (const name of Object.keys(operations)) {
  const operation = operations[name];
  fs[`${name}Sync`] = (...args) => runSync(operation(...args));
  fs[name] = (...args) => {
    const callback = args.pop();
    if (typeof callback !== 'function')
      throw new TypeError(`fs.${name} needs a callback; fs.promises.${name} answers a promise`);
    runAsync(operation(...args)).then(
      (value) =>
        cordon.microtask(
          callback,
          name === 'read' || name === 'write' ? [null, value.bytes, value.buffer] : [null, value],
        ),
      (error) => cordon.microtask(callback, [error]),
    );
  };
  promises[name] = (...args) => runAsync(operation(...args));
}
fs.readSync = (...args) => runSync(operations.read(...args)).bytes;
fs.writeSync = (...args) => runSync(operations.write(...args)).bytes;
for (const name of ['close', 'fstat', 'read', 'write', 'ftruncate', 'exists']) delete promises[name];
const { custom } = { custom: Symbol.for('nodejs.util.promisify.custom') };
fs.exists = (path, callback) => runAsync(operations.exists(path)).then(callback);
fs.exists[custom] = (path) => runAsync(operations.exists(path));
promises.open = async (...args) =>
  descriptors.handle(await runAsync(operations.open(...args)), (name, ...rest) => runAsync(operations[name](...rest)));
fs.createReadStream = (path, options) => createReadStream(promises, path, options);
fs.createWriteStream = (path, options) => createWriteStream(promises, path, options);
for (const name of [
  'watch',
  'watchFile',
  'symlink',
  'symlinkSync',
  'link',
  'linkSync',
  'readlink',
  'readlinkSync',
  'chmod',
  'chmodSync',
  'chown',
  'chownSync',
  'utimes',
  'utimesSync',
]) {
  fs[name] = () => {
    throw new Error(`fs.${name} is not available here: the workspace has plain files and directories only`);
  };
  if (!name.endsWith('Sync')) promises[name] = async () => fs[name]();
}

export { fs };
