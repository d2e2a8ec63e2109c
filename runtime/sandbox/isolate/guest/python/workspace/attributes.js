// What is known of paths. Other runs and the files API change them meanwhile, so that it holds for a moment only.

/** Long enough for the several looks that one call of Python's makes, too short for anybody to notice. */
const freshMs = 10;
const most = 4096;

/**
 * A stat is {type, bytes, modifiedAtMs, createdAtMs, version}; `version` changes with every change of a file's content.
 * `now` answers milliseconds.
 */
export function createAttributes({ host, codes, now }) {
  const known = new Map();
  /** While a file is opened, only what was learned since then counts, so that it is opened as it is now. */
  let opening = false;
  let opened = 0;

  function remember(path, entry) {
    if (known.size >= most) known.clear();
    entry.at = now();
    entry.opened = opened;
    known.set(path, entry);
    return entry;
  }

  function recall(path) {
    const entry = known.get(path);
    if (entry === undefined) return undefined;
    const age = now() - entry.at;
    const isNow = !opening || entry.opened === opened || entry.type === 'directory';
    if (isNow && age >= 0 && age < freshMs) return entry;
    known.delete(path);
    return undefined;
  }

  function look(path) {
    try {
      const { value } = host.ask('fs.stat', { path, version: true });
      return remember(path, { type: value.type, stat: value });
    } catch (error) {
      if (error.errno === codes.ENOENT || error.errno === codes.ENOTDIR) remember(path, { error });
      throw error;
    }
  }

  function entryOf(path, needsStat) {
    const entry = recall(path);
    if (entry === undefined || (needsStat && entry.type !== undefined && entry.stat === undefined)) return look(path);
    if (entry.error !== undefined) throw entry.error;
    return entry;
  }

  return {
    /** 'file' or 'directory'. Throws when nothing is there. */
    type: (path) => entryOf(path, false).type,
    stat: (path) => entryOf(path, true).stat,
    /** The host said so just now. */
    learn: (path, stat) => void remember(path, { type: stat.type, stat }),
    learnType: (path, type) => void remember(path, { type }),
    /** Runs what opens a file. */
    opening(body) {
      opened++;
      opening = true;
      try {
        return body();
      } finally {
        opening = false;
      }
    },
    forget: (path) => void known.delete(path),
    /** After what may have changed several paths, or when others' changes must be seen. */
    clear: () => known.clear(),
  };
}
