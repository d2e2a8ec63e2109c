/** Responses that come piece by piece: through the service, the gate and the sandbox, from a service on loopback. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callsOf, crmHost } from './crm.ts';
import { python, type StreamService, startStreams, url } from './stream-service.ts';

let streams: StreamService;
beforeAll(async () => {
  streams = await startStreams();
});
afterAll(() => streams.crm.close());
beforeEach(() => streams.forget());

describe('the first piece is there before the last is sent', () => {
  test.each([
    [
      'a loop over the body',
      `const response = await fetch('${url('events')}'); const got = [];
       for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
         got.push(part); if (got.length === 1) await fetch('${url('seen')}');
       } got`,
      {},
      ['data: first\n\n', 'data: last\n\n'],
    ],
    [
      'the head without a body yet',
      `const response = await fetch('${url('head-only')}'); await fetch('${url('seen')}'); [response.status, await response.text()]`,
      {},
      [200, 'data: last\n\n'],
    ],
    [
      "Python's urllib, line by line",
      `
import urllib.request
got = []
with urllib.request.urlopen('${url('events')}') as response:
    for line in response:
        got.append(line.decode())
        if len(got) == 1: urllib.request.urlopen('${url('seen')}').read()
[response.headers['content-type'], *got]`,
      python,
      ['text/event-stream', 'data: first\n', '\n', 'data: last\n', '\n'],
    ],
    [
      "Python's http.client",
      `
import http.client, urllib.request
connection = http.client.HTTPSConnection('${crmHost}')
connection.request('GET', '/v1/contacts/events')
response = connection.getresponse()
first = response.read1(1000)
urllib.request.urlopen('${url('seen')}').read()
[first.decode(), response.read().decode(), response.read()]`.replace('response.read()]', 'len(response.read())]'),
      python,
      ['data: first\n\n', 'data: last\n\n', 0],
    ],
    [
      'pyfetch, which reads when it is asked to',
      `
from pyodide.http import pyfetch
response = await pyfetch('${url('events')}')
await (await pyfetch('${url('seen')}')).json()
copy = response.clone()
[await response.text() == await copy.text(), response.body_used]`,
      python,
      [true, true],
    ],
  ] as [string, string, Record<string, unknown>, unknown][])('%s', async (_by, code, more, expected) => {
    expect(await streams.result(code, { ...more, limits: { wallMs: 30_000 } })).toEqual(expected);
    expect(streams.endedEarly).toEqual([]);
  });
});

describe('a call that the program ends is ended at the service', () => {
  test.each([
    ['by cancelling the body', `const r = await fetch('${url('events')}'); await r.body.cancel();`, {}],
    ['by leaving the loop', `for await (const part of (await fetch('${url('events')}')).body) break;`, {}],
    [
      'by its signal',
      `const abort = new AbortController(); const r = await fetch('${url('events')}', { signal: abort.signal });
       const reading = r.text(); abort.abort(); let seen; try { await reading } catch (error) { seen = error.name } if (seen !== 'AbortError') throw new Error(seen);`,
      {},
    ],
    ['by closing it in Python', `import urllib.request\nurllib.request.urlopen('${url('events')}').close()`, python],
    [
      'by letting go of it in Python',
      `import urllib.request\nurllib.request.urlopen('${url('events')}')\nNone`,
      python,
    ],
  ])('%s', async (_how, code, more) => {
    const before = streams.crm.standIn.requests.length;
    // The run goes on: it is not its end that ends the call.
    const wait =
      'language' in more
        ? '\nimport time\nfor n in range(100):\n    time.sleep(0.02)\n1'
        : '\nfor (let n = 0; n < 100; n++) await new Promise((resolve) => setTimeout(resolve, 20)); 1';
    const running = streams.crm.run('reader', code + wait, more);
    let finished = false;
    void running.then(() => {
      finished = true;
    });
    await expect
      .poll(
        () => [
          finished,
          streams.endedEarly.length +
            (streams.crm.standIn.requests.length > before && streams.open.size === 0 ? 1 : 0) >
            0,
        ],
        { timeout: 20_000, interval: 5 },
      )
      .toEqual([false, true]);
    const record = await running;
    expect(record.error).toBeUndefined();
  });
});

describe('the end of a run', () => {
  test.each([
    ['that came to its end', `const r = await fetch('${url('events')}'); [r.status]`, 'succeeded', {}],
    [
      'that read a part',
      `const r = await fetch('${url('events')}'); [(await r.body.getReader().read()).value.length]`,
      'succeeded',
      {},
    ],
    ['that failed', `await fetch('${url('events')}'); throw new Error('x')`, 'failed', {}],
    [
      'that ran out of time',
      `const r = await fetch('${url('events')}'); await r.text()`,
      'timed_out',
      { limits: { wallMs: 1500 } },
    ],
    [
      'of Python',
      `import urllib.request\nkept = urllib.request.urlopen('${url('events')}')\nkept.status`,
      'succeeded',
      python,
    ],
  ])('%s ends its calls', async (_how, code, status, more) => {
    const record = await streams.crm.run('reader', code, more);
    expect(record.status).toBe(status);
    await expect.poll(() => [streams.endedEarly, streams.open.size], { timeout: 10_000 }).toEqual([['events'], 0]);
    // What was not read to its end was allowed and answered all the same.
    expect(await callsOf(streams.crm.service, record.id)).toMatchObject([{ allowed: true, status: 200 }]);
  });
});
