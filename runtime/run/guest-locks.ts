import type { Json, JsonObject } from '../json.ts';
import { parseGuestPath } from '../workspace/guest-path.ts';
import type { LockRange, RunLocks } from './file-locks.ts';
import { choiceArg, flagArg, readArgs, requiredCountArg, textArg } from './guest-args.ts';

function rangeArgs(args: JsonObject): LockRange {
  return {
    path: parseGuestPath(textArg(args, 'path'), 'lock').parts.join('/'),
    space: choiceArg(args, 'space', ['fcntl', 'flock']),
    holder: requiredCountArg(args, 'holder'),
    start: requiredCountArg(args, 'start'),
    length: requiredCountArg(args, 'length'),
  };
}

/** The operations on advisory locks. Errors: LockError, WorkspaceError for the path, ArgumentError. */
export function lockAnswers(locks: RunLocks) {
  return {
    'fs.lock': async (raw: Json) => {
      const args = readArgs(raw, ['path', 'kind', 'start', 'length', 'wait', 'space', 'holder']);
      const kind = choiceArg(args, 'kind', ['shared', 'exclusive', 'unlock']);
      if (kind === 'unlock') locks.drop(rangeArgs(args));
      else await locks.take(rangeArgs(args), kind, flagArg(args, 'wait'));
      return {};
    },
    'fs.testLock': async (raw: Json) => {
      const args = readArgs(raw, ['path', 'kind', 'start', 'length', 'space', 'holder']);
      const held = locks.test(rangeArgs(args), choiceArg(args, 'kind', ['shared', 'exclusive']));
      return { value: { held: held === undefined ? null : { ...held } } };
    },
  };
}
