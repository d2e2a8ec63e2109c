/** `npm run backup -- TARGET`: copies the data directory (CORDON_DATA), while the service runs or not, to an empty folder. */
import { resolve } from 'node:path';
import { readConfig } from '../runtime/config.ts';
import { backupDataDir } from '../runtime/store/backup.ts';
import { sizedCopier } from '../runtime/workspace/sized/backup.ts';

const [target, ...rest] = process.argv.slice(2);
if (target === undefined || rest.length > 0) {
  console.error('usage: npm run backup -- TARGET      TARGET: a folder that is empty or does not exist');
  process.exit(2);
}
try {
  const { dataDir } = readConfig(process.env);
  const { storeBytes, files, fileBytes } = await backupDataDir(dataDir, resolve(target), sizedCopier);
  console.log(`${dataDir} -> ${resolve(target)}: store ${storeBytes} bytes, ${files} files with ${fileBytes} bytes`);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
