/**
 * Certificates (RFC 5280) of P-256 keys, signed with ECDSA and SHA-256 (RFC 5758), written as DER (X.690): the two kinds
 * that a run's CA needs and no more. Node.js makes none; libraries that do patch the global `Reflect` of the process.
 */
import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';

export interface CertificateInput {
  /** Common names, at most 64 characters. */
  subject: string;
  issuer: string;
  publicKey: KeyObject;
  issuerPublicKey: KeyObject;
  /** The issuer's. */
  signingKey: KeyObject;
  /** Milliseconds since the epoch; whole seconds are kept. */
  notBeforeMs: number;
  notAfterMs: number;
  /** `ca`: signs leaves and nothing below them. A host: a DNS name or an IP address, of a server. */
  kind: 'ca' | { host: string };
}

/** PEM. Errors: what node:crypto says of a key that is not P-256. */
export function writeCertificate(input: CertificateInput): string {
  const toSign = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(positive(randomBytes(16))),
    ecdsaWithSha256,
    commonName(input.issuer),
    sequence(time(input.notBeforeMs), time(input.notAfterMs)),
    commonName(input.subject),
    spki(input.publicKey),
    tagged(3, sequence(...extensions(input))),
  );
  const signature = sign('sha256', toSign, { key: input.signingKey, dsaEncoding: 'der' });
  const lines =
    sequence(toSign, ecdsaWithSha256, bitString(signature))
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** What strict verifiers demand (RFC 5280, section 4.2), and the least that each kind needs. */
function extensions({ kind, publicKey, issuerPublicKey }: CertificateInput): Buffer[] {
  const ownId = extension(oids.subjectKeyId, false, octets(keyId(publicKey)));
  if (kind === 'ca')
    return [
      extension(oids.basicConstraints, true, sequence(boolean(true), integer(Buffer.from([0])))),
      extension(oids.keyUsage, true, bitString(Buffer.from([keyCertSign]), 2)),
      ownId,
    ];
  return [
    extension(oids.basicConstraints, true, sequence()),
    extension(oids.keyUsage, true, bitString(Buffer.from([digitalSignature]), 7)),
    extension(oids.extendedKeyUsage, false, sequence(oids.serverAuth)),
    ownId,
    extension(oids.authorityKeyId, false, sequence(der(0x80, keyId(issuerPublicKey)))),
    extension(oids.subjectAltName, false, sequence(alternativeName(kind.host))),
  ];
}

/** Bits 5 and 0 of KeyUsage, the most significant one being number 0. */
const [keyCertSign, digitalSignature] = [0x04, 0x80];

function alternativeName(host: string): Buffer {
  if (isIPv4(host)) return der(0x87, Buffer.from(host.split('.').map(Number)));
  return isIPv6(host) ? der(0x87, ipv6Bytes(host)) : der(0x82, Buffer.from(host, 'latin1'));
}

function ipv6Bytes(text: string): Buffer {
  // A dotted end stands for the last two groups.
  const dotted = /[^:]*\..*$/.exec(text)?.[0];
  const groups = dotted === undefined ? text : text.slice(0, -dotted.length) + lastGroups(dotted);
  const [before = [], after = []] = groups.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const all = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

const lastGroups = (dotted: string) =>
  (Buffer.from(dotted.split('.').map(Number)).toString('hex').match(/.{4}/g) ?? []).join(':');

const keyId = (key: KeyObject) => createHash('sha1').update(point(key)).digest();
const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });
/** The bits of the key without what says its algorithm (RFC 5280, section 4.2.1.2): the last 65 bytes for P-256. */
const point = (key: KeyObject) => spki(key).subarray(-65);

/** Tag, length, content. Nothing here reaches 64 KiB. */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const tagged = (number: number, content: Uint8Array) => der(0xa0 | number, content);
const octets = (content: Uint8Array) => der(0x04, content);
const bitString = (content: Uint8Array, unusedBits = 0) => der(0x03, Buffer.from([unusedBits]), content);
const boolean = (value: boolean) => der(0x01, Buffer.from([value ? 0xff : 0]));
const integer = (bytes: Uint8Array) => der(0x02, bytes);

/** Neither negative nor with a byte more than it needs. */
function positive(bytes: Buffer): Buffer {
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** Two digits for the year until 2049, four afterwards (RFC 5280, section 4.1.2.5). */
function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
  return text < '2050' ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...others.flatMap(base128)]));
}

function base128(part: number): number[] {
  const digits = [part & 0x7f];
  for (let rest = part >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}

const oids = {
  commonName: objectId('2.5.4.3'),
  subjectKeyId: objectId('2.5.29.14'),
  keyUsage: objectId('2.5.29.15'),
  subjectAltName: objectId('2.5.29.17'),
  basicConstraints: objectId('2.5.29.19'),
  authorityKeyId: objectId('2.5.29.35'),
  extendedKeyUsage: objectId('2.5.29.37'),
  serverAuth: objectId('1.3.6.1.5.5.7.3.1'),
};
const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'));
const commonName = (name: string) => sequence(der(0x31, sequence(oids.commonName, der(0x0c, Buffer.from(name)))));
const extension = (id: Uint8Array, isCritical: boolean, value: Uint8Array) =>
  sequence(id, ...(isCritical ? [boolean(true)] : []), octets(value));
