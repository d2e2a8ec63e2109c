/** The certificates of an internal service, looked at when an operator names their file: a call would find out too late. */
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { fieldError } from '../errors.ts';
import type { ConnectTo } from './connector.ts';

const MAXIMUM_BYTES = 1024 * 1024;

/** Errors: CordonError `validation_failed` unless the file holds a certificate (PEM). */
export async function checkCaFile({ caFile }: ConnectTo, field: string): Promise<void> {
  if (caFile === undefined) return;
  const pem = await readSmallFile(caFile).catch((error: NodeJS.ErrnoException) => {
    throw fieldError(field, `cannot be read by the service (${error.code ?? error.message})`);
  });
  const first = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(pem);
  try {
    if (!first) throw new Error('none');
    new X509Certificate(first[0]);
  } catch {
    throw fieldError(field, 'holds no certificate in PEM');
  }
}

async function readSmallFile(path: string): Promise<string> {
  const about = await stat(path);
  if (!about.isFile()) throw new Error('it is no file');
  if (about.size > MAXIMUM_BYTES) throw new Error(`it has more than ${MAXIMUM_BYTES} bytes`);
  return readFile(path, 'utf8');
}
