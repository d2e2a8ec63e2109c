/** Certificates for tests: an authority and leaves for host names, written as DER (RFC 5280) and signed with ECDSA P-256. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface Authority {
  certPem: string;
  /** A leaf for DNS names and IPv4 addresses. Times in milliseconds since the epoch; default: now ± a day. */
  leaf(names: string[], times?: { notBefore?: number; notAfter?: number }): Leaf;
}

export interface Leaf {
  certPem: string;
  keyPem: string;
}

const day = 86_400_000;

const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const size = body.length;
  const head = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
};
const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const text = (tag: number, value: string) => der(tag, Buffer.from(value, 'latin1'));
const bits = (bytes: Uint8Array, unused = 0) => der(0x03, Buffer.from([unused]), bytes);
const isTrue = der(0x01, Buffer.from([0xff]));

/** Dotted numbers, each below 16,384. */
const oid = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = rest.flatMap((part) => {
    const low = part & 127;
    const middle = (part >> 7) & 127;
    const high = part >> 14;
    return high > 0 ? [high | 128, middle | 128, low] : middle > 0 ? [middle | 128, low] : [low];
  });
  return der(0x06, Buffer.from([first * 40 + second, ...bytes]));
};

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
const commonName = (name: string) => sequence(der(0x31, sequence(oid('2.5.4.3'), text(0x0c, name))));
const time = (ms: number) => text(0x18, `${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`);
const extension = (id: string, critical: boolean, value: Uint8Array) =>
  sequence(oid(id), ...(critical ? [isTrue] : []), der(0x04, value));

function certificate(input: {
  subject: string;
  issuer: string;
  publicKey: KeyObject;
  signedBy: KeyObject;
  notBefore: number;
  notAfter: number;
  extensions: Uint8Array[];
}): string {
  const serial = randomBytes(8);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const toSign = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    commonName(input.issuer),
    sequence(time(input.notBefore), time(input.notAfter)),
    commonName(input.subject),
    input.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...input.extensions)),
  );
  const whole = sequence(toSign, ecdsaWithSha256, bits(sign('sha256', toSign, input.signedBy)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

const keyId = (key: KeyObject) =>
  createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();

export function createAuthority(name = 'Cordon test authority'): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const certPem = certificate({
    subject: name,
    issuer: name,
    publicKey: keys.publicKey,
    signedBy: keys.privateKey,
    notBefore: now - day,
    notAfter: now + day,
    extensions: [
      extension('2.5.29.19', true, sequence(isTrue)),
      extension('2.5.29.15', true, bits(Buffer.from([0x06]), 1)),
      extension('2.5.29.14', false, der(0x04, keyId(keys.publicKey))),
    ],
  });
  return {
    certPem,
    leaf(names, times = {}) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const alternatives = names.map((each) =>
        isIPv4(each) ? der(0x87, Buffer.from(each.split('.').map(Number))) : text(0x82, each),
      );
      return {
        keyPem: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        certPem: certificate({
          subject: 'Cordon test leaf',
          issuer: name,
          publicKey: own.publicKey,
          signedBy: keys.privateKey,
          notBefore: times.notBefore ?? now - day,
          notAfter: times.notAfter ?? now + day,
          extensions: [
            extension('2.5.29.17', false, sequence(...alternatives)),
            extension('2.5.29.15', true, bits(Buffer.from([0x80]), 7)),
            extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))),
            extension('2.5.29.35', false, sequence(der(0x80, keyId(keys.publicKey)))),
          ],
        }),
      };
    },
  };
}
