/** A copy of what the images are made of, to change at will. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export const projectRoot = resolve(import.meta.dirname, '../../..');

export interface SourceCopy {
  root: string;
  write(path: string, text: string): void;
  replace(path: string, from: string, to: string): void;
  remove(): void;
}

export function copySources(): SourceCopy {
  const root = mkdtempSync(join(tmpdir(), 'cordon-images-'));
  for (const path of ['sandbox-images', 'runtime/sandbox', 'runtime/json.ts', 'package-lock.json'])
    cpSync(join(projectRoot, path), join(root, path), { recursive: true });
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  return {
    root,
    write,
    replace(path, from, to) {
      const text = readFileSync(join(root, path), 'utf8');
      if (!text.includes(from)) throw new Error(`${path} has no ${from}`);
      write(path, text.replace(from, to));
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
