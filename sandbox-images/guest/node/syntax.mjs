// V8 keeps the place of a file's SyntaxError to itself: the file is looked for among those that were loaded.
import { readFileSync } from 'node:fs';
import { plainFiles, transformed } from './loaded.mjs';

/** `thrown`; where a file that was loaded cannot be read, the SyntaxError that tells the place. */
export function withPlace(thrown) {
  if (!isSyntaxError(thrown)) return thrown;
  for (const path of plainFiles) {
    try {
      if (/\.[mc]?js$/.test(path)) transformed(path, readFileSync(path, 'utf8'));
    } catch (error) {
      if (error instanceof SyntaxError) return error;
    }
  }
  return thrown;
}

function isSyntaxError(thrown) {
  try {
    return thrown instanceof SyntaxError;
  } catch {
    // A proxy that does not let itself be asked.
    return false;
  }
}
