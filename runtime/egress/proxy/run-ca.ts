/** The CA of one run: the run's container trusts it and nothing else does. Its keys are in this process's memory alone. */
import { constants, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { writeCertificate } from './certificate.ts';

export interface RunCa {
  /** PEM, without a key. */
  readonly certPem: string;
  /** What a server of this name shows: `host` is a DNS name in lower case or an IP address without brackets. */
  leafFor(host: string): SecureContext;
}

export interface RunCaOptions {
  /** Milliseconds since the epoch. */
  nowMs: number;
  /** How long the run may last. */
  wallMs: number;
}

/** Clocks that are a little slow, and runs that end a little late. */
const EARLIER_MS = 5 * 60_000;
const LONGER_MS = 24 * 60 * 60_000;
/** Contexts take some memory; a run that asks for more names pays with signatures. */
const MAX_LEAVES = 64;

const newKeys = (): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> =>
  promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });

/** About a millisecond, most of it in another thread. */
export async function createRunCa({ nowMs, wallMs }: RunCaOptions): Promise<RunCa> {
  const [keys, leafKeys] = await Promise.all([newKeys(), newKeys()]);
  // Clients look an issuer up by its name: each has its own.
  const issuer = `Cordon run ${randomBytes(8).toString('hex')}`;
  const signed = {
    issuer,
    issuerPublicKey: keys.publicKey,
    signingKey: keys.privateKey,
    notBeforeMs: nowMs - EARLIER_MS,
    notAfterMs: nowMs + wallMs + LONGER_MS,
  };
  const certPem = writeCertificate({ ...signed, subject: issuer, publicKey: keys.publicKey, kind: 'ca' });
  const leafKeyPem = leafKeys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const leaves = new Map<string, SecureContext>();

  return {
    certPem,
    leafFor(host) {
      const known = leaves.get(host);
      if (known) return known;
      const cert = writeCertificate({
        ...signed,
        subject: 'Cordon egress',
        publicKey: leafKeys.publicKey,
        kind: { host },
      });
      const context = createSecureContext({
        cert,
        key: leafKeyPem,
        // Nobody shows us a certificate: the usual authorities need not be loaded.
        ca: [],
        minVersion: 'TLSv1.2',
        secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      });
      const oldest = leaves.size >= MAX_LEAVES ? leaves.keys().next().value : undefined;
      if (oldest !== undefined) leaves.delete(oldest);
      leaves.set(host, context);
      return context;
    },
  };
}
