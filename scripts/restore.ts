/** `npm run restore -- SOURCE`: makes the data directory (CORDON_DATA), which must be empty or not exist, from a backup. */
import { resolve } from 'node:path';
import { readConfig } from '../runtime/config.ts';
import { restoreDataDir } from '../runtime/store/backup.ts';

const [source, ...rest] = process.argv.slice(2);
if (source === undefined || rest.length > 0) {
  console.error('usage: npm run restore -- SOURCE      SOURCE: a folder that `npm run backup` made');
  process.exit(2);
}
try {
  const { dataDir } = readConfig(process.env);
  const { storeBytes, files, fileBytes } = await restoreDataDir(resolve(source), dataDir);
  console.log(`${resolve(source)} -> ${dataDir}: store ${storeBytes} bytes, ${files} files with ${fileBytes} bytes`);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
