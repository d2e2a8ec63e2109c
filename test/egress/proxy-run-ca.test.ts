import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, isIP, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SecureContext, TLSSocket } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import { createRunCa, type RunCa } from '../../runtime/egress/proxy/run-ca.ts';
import { run } from './proxy-run.ts';

const nowMs = Date.now();
const wallMs = 15 * 60_000;
const folder = mkdtempSync(join(tmpdir(), 'cordon-run-ca-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A server with this context for everybody. */
async function serve(secureContext: SecureContext): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    const secure = new TLSSocket(socket, { isServer: true, secureContext });
    secure.on('error', () => socket.destroy());
    secure.once('secure', () => secure.end('hello'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

/** The certificate that it shows, as its client sees it. */
async function shown(context: SecureContext, trusted: RunCa, host: string): Promise<X509Certificate> {
  const { server, port } = await serve(context);
  const name = isIP(host) ? {} : { servername: host };
  const client = connect({
    port,
    host: '127.0.0.1',
    ca: trusted.certPem,
    checkServerIdentity: () => undefined,
    ...name,
  });
  try {
    await once(client, 'secureConnect');
    return new X509Certificate(client.getPeerCertificate().raw);
  } finally {
    client.destroy();
    server.close();
  }
}

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('the CA of a run', () => {
  it('holds for the run and a day, from a little earlier, and tells no key', async () => {
    const { certPem } = await createRunCa({ nowMs, wallMs });
    const cert = new X509Certificate(certPem);
    expect(cert.ca).toBe(true);
    expect(certPem).not.toContain('PRIVATE');
    expect(cert.validFromDate.getTime()).toBeLessThan(nowMs - 60_000);
    expect(cert.validToDate.getTime() - nowMs).toBeGreaterThan(wallMs + 23 * 3_600_000);
    expect(cert.validToDate.getTime() - nowMs).toBeLessThan(wallMs + 25 * 3_600_000);
    expect(cert.verify(cert.publicKey)).toBe(true);
    expect(cert.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });

  it('signs leaves of names and addresses that match them alone', async () => {
    const ca = await createRunCa({ nowMs, wallMs });
    const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.example`;
    for (const host of ['slack.com', long, 'a_b.example']) {
      const leaf = await shown(ca.leafFor(host), ca, host);
      expect(leaf.checkHost(host), host).toBe(host);
      expect(leaf.checkHost(`x.${host}`)).toBeUndefined();
      expect(leaf.ca).toBe(false);
    }
    for (const address of ['169.254.169.254', '::1', '2001:db8::ff', 'fe80::', '::ffff:10.0.0.1', '1:2:3:4:5:6:7:8']) {
      const leaf = await shown(ca.leafFor(address), ca, address);
      expect(leaf.checkIP(address), address).toBe(address);
      expect(leaf.checkIP('127.0.0.1')).toBeUndefined();
    }
  });

  it('is trusted by no other run', async () => {
    const [mine, other] = await Promise.all([createRunCa({ nowMs, wallMs }), createRunCa({ nowMs, wallMs })]);
    await expect(shown(mine.leafFor('slack.com'), other, 'slack.com')).rejects.toThrow(/verify|issuer|self-signed/);
    const [one, two] = [mine, other].map(({ certPem }) => new X509Certificate(certPem));
    expect(one?.subject).not.toBe(two?.subject);
    expect(one?.serialNumber).not.toBe(two?.serialNumber);
  });

  it('keeps a bounded number of leaves', async () => {
    const ca = await createRunCa({ nowMs, wallMs });
    const first = ca.leafFor('host0.example');
    expect(ca.leafFor('host0.example')).toBe(first);
    for (let index = 1; index < 65; index++) ca.leafFor(`host${index}.example`);
    expect(ca.leafFor('host0.example')).not.toBe(first);
  });

  it('passes the strict verification of OpenSSL, chain and key usage', async () => {
    const ca = await createRunCa({ nowMs, wallMs });
    const leaf = await shown(ca.leafFor('slack.com'), ca, 'slack.com');
    const [caFile, leafFile] = [file('ca.pem', ca.certPem), file('leaf.pem', leaf.toString())];
    const env = { PATH: process.env.PATH ?? '' };
    const verified = await run(
      'openssl',
      ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'slack.com', '-CAfile', caFile, leafFile],
      env,
    );
    expect(verified.stderr).toBe('');
    expect(verified.code).toBe(0);
    // The DER of every field, as another parser reads it.
    const { stdout } = await run('openssl', ['x509', '-noout', '-text', '-in', leafFile], env);
    for (const expected of ['DNS:slack.com', 'TLS Web Server Authentication', 'CA:FALSE', 'Digital Signature'])
      expect(stdout).toContain(expected);
    const own = await run('openssl', ['x509', '-noout', '-text', '-in', caFile], env);
    expect(own.stdout).toContain('CA:TRUE, pathlen:0');
    expect(own.stdout).toContain('Certificate Sign');
  });

  it('passes the strict verification that Python has by default from 3.13 on', async () => {
    const ca = await createRunCa({ nowMs, wallMs });
    const { server, port } = await serve(ca.leafFor('slack.com'));
    const program = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.verify_flags |= ssl.VERIFY_X509_STRICT
with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as plain:
    with context.wrap_socket(plain, server_hostname='slack.com') as secure:
        print(secure.recv(99).decode())
`;
    const args = ['-c', program, file('python-ca.pem', ca.certPem), String(port)];
    const ran = await run('python3', args, { PATH: process.env.PATH ?? '' });
    server.close();
    expect(ran.stderr).toBe('');
    expect(ran.stdout).toBe('hello\n');
  });

  it('writes years from 2050 on in the long form', async () => {
    const late = Date.UTC(2051, 1, 3);
    const cert = new X509Certificate((await createRunCa({ nowMs: late, wallMs })).certPem);
    expect(cert.validToDate.getTime()).toBe(late + wallMs + 24 * 3_600_000);
  });
});
