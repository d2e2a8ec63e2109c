// Questions to the host about files. Its refusals become the errno that Emscripten's system calls answer.

// Codes of the host that no system call has.
const meanings = {
  __proto__: null,
  ERR_INVALID_ARG_TYPE: 'EINVAL',
  ERR_FS_FILE_TOO_LARGE: 'EFBIG',
  EDQUOT: 'ENOSPC',
};

/**
 * `codes` has an errno for each name; `ask` is the bridge's; `limitOf(error)` names the limit that a refusal stands for.
 */
export function createHost({ FS, codes, ask, limitOf }) {
  let limit;
  return {
    /** An error for a system call to answer. */
    refusal: (code) => new FS.ErrnoError(codes[code] ?? codes.EIO),
    /** Asks and waits. Answers {value, bytes}. Throws what `refusal` makes. */
    ask(op, args, bytes) {
      try {
        return ask(op, Object.assign({ __proto__: null }, args), bytes);
      } catch (error) {
        const errno = codes[meanings[error.code] ?? error.code] ?? codes.EIO;
        const name = limitOf(error);
        if (name !== undefined)
          limit = { __proto__: null, errno, limit: name, name: error.name, message: error.message };
        throw new FS.ErrnoError(errno);
      }
    },
    /** The last refusal for a limit: {errno, limit, name, message}, or undefined. */
    lastLimit: () => limit,
    reset() {
      limit = undefined;
    },
  };
}
