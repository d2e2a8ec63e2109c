import { mkdirSync, mkdtempSync, realpathSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SizedCopier } from '../../store/backup.ts';
import { createGate } from '../gate.ts';
import { copyFiles } from './copy-files.ts';
import { homeAt, imageName } from './home.ts';
import { mountImage, unmount } from './mounts.ts';

/**
 * Copies the files of sized workspaces for a backup, by another process than the one that may have them mounted: the
 * kernel gives both the same file system, so the copy is of what is there now. Hostile programs may write it meanwhile.
 * Left out is what the files API does not show either, and what is larger than the image could be (files of holes).
 * Needs root.
 */
export const sizedCopier: SizedCopier = {
  image: imageName,
  async copy(from, to) {
    const { image } = homeAt(from);
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-backup-')));
    try {
      await mountImage(realpathSync(image), folder);
      const plain = homeAt(to).plain;
      for (const path of [plain.files, plain.incoming]) mkdirSync(path, { recursive: true, mode: 0o700 });
      const mostBytes = statSync(image).size;
      await copyFiles(createGate(`${folder}/files`, true), plain.files, { sayable: true, durable: true, mostBytes });
    } finally {
      await unmount(folder);
      rmdirSync(folder);
    }
  },
};
