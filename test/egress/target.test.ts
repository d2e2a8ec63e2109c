import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { MAX_URL, readTarget } from '../../runtime/egress/target.ts';

function reason(url: string): string {
  try {
    return `read as ${readTarget(url).url.href}`;
  } catch (error) {
    return error instanceof EgressError ? error.reason : String(error);
  }
}

const refusedWith = (expected: string, urls: string[]) =>
  it.each(urls)('%j', (url) => {
    expect(reason(url)).toBe(expected);
  });

describe('a host that is an address is refused in every spelling', () => {
  refusedWith('address_refused', [
    'https://127.0.0.1/',
    'https://127.1/',
    'https://127.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.0.0.1/',
    'https://0X7F.1/',
    'https://0177.0.0.1/',
    'https://017700000001/',
    'https://0/',
    'https://0x/',
    'https://127.0.0.0x1/',
    'https://127.0.0.1./',
    'https://2130706433./',
    'https://169.254.169.254/latest/meta-data/',
    'https://0xa9fea9fe/',
    'https://8.8.8.8/',
    'https://1.2.3.4.5/',
    'https://host.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[fe80::1%25eth0]/',
    'https://[fd00:ec2::254]/',
    'https://[2606:4700::1111]/',
    'https://localhost/',
    'https://LOCALHOST/',
    'https://app.localhost:8443/',
  ]);
});

describe('what is no plain https URL is refused', () => {
  refusedWith('invalid_request', [
    '',
    'http://slack.com/',
    'HTTP://slack.com/',
    'ftp://slack.com/',
    'https:slack.com/',
    'https:/slack.com/',
    'https:///slack.com/',
    '//slack.com/',
    '/api',
    'https://',
    'https:///',
    'data:text/plain,x',
    'file:///etc/passwd',
    'https://slack.com:0/',
    'https://slack.com:65536/',
    'https://slack.com:/',
    'https://slack.com:0443/',
    'https://slack.com:+443/',
    'https://slack.com:44a/',
    'https://slack.com:443:80/',
  ]);
});

describe('tricks with users, hosts and characters are refused', () => {
  refusedWith('invalid_request', [
    'https://user@slack.com/',
    'https://user:pw@slack.com/',
    'https://slack.com@evil.example/',
    'https://slack.com:443@evil.example/',
    'https://@slack.com/',
    'https://:@slack.com/',
    'https://slack.com%40evil.example/',
    'https://slack.com%2eevil.example/',
    'https://%73lack.com/',
    'https://slack.com\\@evil.example/',
    'https:\\\\slack.com\\api',
    'https://slack.com\\api',
    'https://slack.com#@evil.example/',
    'https://slack.com?@evil.example/',
    'https://slack.com?x=1',
    'https://slack.com./',
    'https://slack..com/',
    'https://.slack.com/',
    'https://-slack.com/',
    'https://slack-.com/',
    'https://sla ck.com/',
    'https://slack.com\t/',
    'https://sla\nck.com/',
    ' https://slack.com/',
    'https://slack.com/ ',
    'https://slack.com/a b',
    'https://slack.com/a\u0000b',
    'https://slack.com/a\r\nHost: evil',
    'https://slack.com/\u00e9',
    'https://sl\u0430ck.com/',
    'https://\uff53lack.com/',
    'https://slack\u3002com/',
    'https://slack\u00adcom/',
    'https://\u2460\u2461\u2466.0.0.1/',
    'https://sla*ck.com/',
    'https://slack,com/',
    'https://slack.com;evil.example/',
    `https://${'a'.repeat(64)}.com/`,
    `https://${'a.'.repeat(126)}toolong/`,
  ]);
});

describe('what the parser would mend is refused', () => {
  refusedWith('invalid_request', [
    'https://slack.com/a/../b',
    'https://slack.com/a/./b',
    'https://slack.com/a/%2e%2e/b',
    'https://slack.com/a/.%2E/b',
    'https://slack.com/..',
    'https://slack.com/.',
    'https://slack.com/a"b',
    'https://slack.com/a<b>',
    'https://slack.com/a`b',
    'https://slack.com/{a}',
    'https://slack.com/a?b="c"',
    'https://slack.com/a?b=<c>',
    'https://slack.com/a??b"',
  ]);

  it('and the message shows the plain form', () => {
    expect(() => readTarget('https://slack.com/a/../b')).toThrow('https://slack.com/b');
  });
});

it('http is refused with the mend in the message', () => {
  expect(() => readTarget('http://slack.com/')).toThrow(/https:\/\//);
});

it('a URL has at most 8 KiB', () => {
  const fits = `https://a.example/${'x'.repeat(MAX_URL - 18)}`;
  expect(readTarget(fits).rawPath.length).toBe(MAX_URL - 17);
  expect(reason(`${fits}x`)).toBe('invalid_request');
});

describe('plain URLs are read as they are written', () => {
  it.each([
    ['https://slack.com/api/chat.postMessage', 'https://slack.com/api/chat.postMessage'],
    ['https://slack.com', 'https://slack.com/'],
    ['https://Slack.COM/API', 'https://slack.com/API'],
    ['HTTPS://slack.com/', 'https://slack.com/'],
    ['https://slack.com:443/', 'https://slack.com/'],
    ['https://slack.com:8443/', 'https://slack.com:8443/'],
    ['https://a_b.s3.amazonaws.com/key', 'https://a_b.s3.amazonaws.com/key'],
    ['https://xn--bcher-kva.example/', 'https://xn--bcher-kva.example/'],
    ['https://intranet/', 'https://intranet/'],
    ['https://a.example/users/@me', 'https://a.example/users/@me'],
    ['https://a.example//x', 'https://a.example//x'],
    ['https://a.example/a%2Fb;c=d:batch', 'https://a.example/a%2Fb;c=d:batch'],
    ['https://a.example/q?s=a+b&t=%7Bx%7D&u[]=1|2', 'https://a.example/q?s=a+b&t=%7Bx%7D&u[]=1|2'],
    ["https://a.example/q?q='root'+in+parents", 'https://a.example/q?q=%27root%27+in+parents'],
    ['https://a.example/x#part', 'https://a.example/x'],
    ['https://a.example/x?', 'https://a.example/x'],
    ['https://a.example/x?#part', 'https://a.example/x'],
    ['https://a.example/x??', 'https://a.example/x??'],
    ['https://a.example/x?y=https://127.0.0.1/', 'https://a.example/x?y=https://127.0.0.1/'],
  ])('%s', (written, read) => {
    expect(reason(written)).toBe(`read as ${read}`);
  });

  it('with origin and path', () => {
    expect(readTarget('https://api.example.com:8443/v1/a%20b?c=d')).toMatchObject({
      origin: 'https://api.example.com:8443',
      rawPath: '/v1/a%20b',
    });
  });
});

it('property: whatever passes is https, names a host, and is what the parser itself writes', () => {
  const piece = fc.constantFrom(
    ...['https://', 'http://', 'a.example', '127.1', '@', ':', '443', '/', '\\', '..', '%2e', '%', '?', '#', '[::1]'],
    ...['.', ' ', '\t', 'é', '。', 'x', "'", '//', '0x7f', ';', '\u0000'],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, prefixed) => {
      const text = (prefixed ? 'https://a.example' : '') + pieces.join('');
      let target: ReturnType<typeof readTarget>;
      try {
        target = readTarget(text);
      } catch (error) {
        if (!(error instanceof EgressError)) throw error;
        return;
      }
      const { url } = target;
      expect(url.protocol).toBe('https:');
      expect(url.username + url.password + url.hash).toBe('');
      expect(url.hostname).toMatch(/^[a-z0-9_.-]*[a-z][a-z0-9_.-]*$/);
      const lowered = text.toLowerCase();
      expect(lowered.startsWith(`https://${url.hostname}`)).toBe(true);
      expect(new URL((text.split('#')[0] as string).replace(/^([^?]*)\?$/, '$1')).href).toBe(url.href);
    }),
    { numRuns: 5000 },
  );
});
