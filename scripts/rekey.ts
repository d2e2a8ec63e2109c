/**
 * `npm run rekey [-- FILE]`: encrypts the credentials in the data directory (CORDON_DATA) under a new master key, while
 * the service does not run. FILE, or `-` for standard input, holds the new key; it is needed when CORDON_MASTER_KEY is
 * set, otherwise a new key is made. A key is never an argument: others see arguments.
 */
import { readFileSync } from 'node:fs';
import { readConfig } from '../runtime/config.ts';
import { rekeyDataDir } from '../runtime/vault/rekey.ts';

const [source, ...rest] = process.argv.slice(2);
if (rest.length > 0) {
  console.error('usage: npm run rekey [-- FILE]      FILE: holds the new key, 32 bytes in base64; - is standard input');
  process.exit(2);
}
try {
  const { dataDir, masterKey } = readConfig(process.env);
  const newKey = source === undefined ? undefined : readFileSync(source === '-' ? 0 : source, 'utf8');
  const { secrets, file } = await rekeyDataDir({ dataDir, masterKey, newKey });
  console.log(
    `${secrets} secrets are under the new key. ${file ?? 'Set CORDON_MASTER_KEY to it before the next start'}`,
  );
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
