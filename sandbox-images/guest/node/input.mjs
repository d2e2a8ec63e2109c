// The run's input: one value for the global and the module.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './places.mjs';

function read() {
  let text;
  try {
    text = readFileSync(join(program, 'input.json'), 'utf8');
  } catch {
    return undefined;
  }
  return JSON.parse(text);
}

export const input = read();
