import { hash } from 'node:crypto';

/** SHA-256 of the source as UTF-8, in hex. */
export const codeSha256 = (code: string): string => hash('sha256', code, 'hex');
