import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { type StandIn, startStandIn } from './stand-in.ts';

let standIn: StandIn | undefined;
afterEach(() => standIn?.close());

it('answers HTTP/1.1 and 2 under its name, and keeps what it saw', async () => {
  standIn = await startStandIn({
    names: ['api.example.com', 'other.example.com'],
    handler: (seen) => ({ status: 201, headers: { 'x-kind': 'stand-in' }, body: { got: seen.json() } }),
  });
  const tls = { ca: readFileSync(standIn.caFile), servername: 'api.example.com' };

  const first = await new Promise<string>((resolve, reject) => {
    const call = request(
      {
        ...tls,
        host: '127.0.0.1',
        port: standIn!.port,
        method: 'POST',
        path: '/v1/a?b=c',
        headers: { host: 'api.example.com' },
      },
      async (response) => {
        let text = `${response.statusCode} ${response.headers['content-type']} `;
        for await (const chunk of response) text += chunk;
        resolve(text);
      },
    );
    call.on('error', reject);
    call.end('{"n":1}');
  });
  expect(first).toBe('201 application/json {"got":{"n":1}}');

  const session = connect('https://api.example.com', {
    createConnection: () => tlsConnect({ ...tls, host: '127.0.0.1', port: standIn!.port, ALPNProtocols: ['h2'] }),
  });
  const stream = session.request({
    ':path': '/v1/h2',
    ':method': 'POST',
    ':authority': 'api.example.com',
    ':scheme': 'https',
  });
  stream.end('{"n":2}');
  let second = '';
  for await (const chunk of stream) second += chunk;
  session.close();
  expect(second).toBe('{"got":{"n":2}}');

  expect(
    standIn.requests.map(({ method, path, httpVersion, servername, connection, headers }) => ({
      method,
      path,
      httpVersion,
      servername,
      connection,
      host: headers.host,
    })),
  ).toEqual([
    {
      method: 'POST',
      path: '/v1/a?b=c',
      httpVersion: '1.1',
      servername: 'api.example.com',
      connection: 1,
      host: 'api.example.com',
    },
    {
      method: 'POST',
      path: '/v1/h2',
      httpVersion: '2.0',
      servername: 'api.example.com',
      connection: 2,
      host: 'api.example.com',
    },
  ]);
});
