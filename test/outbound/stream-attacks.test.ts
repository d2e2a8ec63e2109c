/** Programs that use the operations of bodies past the guest's own library. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { crmHost } from './crm.ts';
import { MiB, python, type StreamService, startStreams, url } from './stream-service.ts';

let streams: StreamService;
beforeAll(async () => {
  streams = await startStreams();
});
afterAll(() => streams.crm.close());
beforeEach(() => streams.forget());

describe('attacks on the operations', () => {
  const ask = (lines: string) => `
from _cordon import door
told = []
def ask(op, args, data=b''):
    try:
        value, data = door.ask(op, args, data)
        told.append('ok' if value is None else [value.get('status', value.get('done')), len(data)])
        return value or {}
    except Exception as error:
        told.append(type(error).__name__)
        return {}
def fetch(name, **more):
    return ask('fetch', {'url': 'https://${crmHost}/v1/contacts/' + name, 'method': 'GET', **more})
${lines}
told`;

  test('numbers that were never given', async () => {
    const numbers = '[0, 1, -1, 2, 1.5, 1e300, 2**53, True, None, "1", [1], {"body": 1}]';
    expect(
      await streams.result(
        ask(`for one in ${numbers}:\n    ask('fetch.read', {'body': one})\n    ask('fetch.cancel', {'body': one})`),
        python,
      ),
    ).toEqual(Array(24).fill('TypeError'));
    expect(
      await streams.result(
        ask(
          `for args in ({}, {'body': 1, 'more': 1}, [], 1, None, '"x"'):\n    ask('fetch.read', args)\n    ask('fetch.cancel', args)\nask('fetch.cancel', {'body': 1, 'call': 1})\nask('fetch.more', {})\nask('fetch.', {})\nask('fetchread', {})`,
        ),
        python,
      ),
    ).toEqual(Array(16).fill('TypeError'));
  });

  test('numbers of another run', async () => {
    const running = streams.crm.run('reader', `const r = await fetch('${url('events')}'); await r.text()`);
    await expect.poll(() => streams.open.size, { timeout: 10_000 }).toBe(1);
    const other = await streams.result(
      ask(`for one in range(1, 50):\n    ask('fetch.read', {'body': one})\n    ask('fetch.cancel', {'body': one})`),
      python,
    );
    expect(new Set(other)).toEqual(new Set(['TypeError']));
    expect(streams.endedEarly).toEqual([]);
    await streams.result(`(await fetch('${url('seen')}')).status`);
    expect((await running).result).toBe('data: first\n\ndata: last\n\n');
  });

  test('reading after the end and after a cancellation', async () => {
    const lines = `
body = fetch('events')['body']
ask('fetch.cancel', {'body': body})
ask('fetch.read', {'body': body})
ask('fetch.cancel', {'body': body})
body = fetch('bulk.1')['body']
while not ask('fetch.read', {'body': body})['done']: pass
del told[:-1]
ask('fetch.read', {'body': body})
ask('fetch.cancel', {'body': body})`;
    const told = await streams.result(
      ask(lines.replace('del told[:-1]', 'told[:] = [*told[:4], told[-1][0]]')),
      python,
    );
    expect(told).toEqual([[200, 13], 'ok', 'TypeError', 'ok', true, 'TypeError', 'ok']);
  });

  test('a piece is never larger than 256 KiB, a number for a call is a whole one', async () => {
    // What has come by the time a program asks comes in one piece: how many there are depends on who is quicker.
    const lines = `
import time
body = fetch('bulk.8')['body']
time.sleep(1)
while not ask('fetch.read', {'body': body}).get('done', True): pass
sizes = [one[1] for one in told]
told[:] = [sum(sizes), max(sizes) <= 262144, sizes[1] >= 131072]
for call in (-1, 1.5, 'x', None, 2**60):
    fetch('x', call=call)`;
    expect(await streams.result(ask(lines), python)).toEqual([8 * MiB, true, true, ...Array(5).fill('TypeError')]);
  });

  test('bodies that are opened and kept are refused from the 65th on, and places come back', async () => {
    const lines = `
bodies = [fetch('events').get('body') for n in range(70)]
ask('fetch.cancel', {'body': bodies[3]})
bodies.append(fetch('events').get('body'))
fetch('events')
told[:] = [told.count([200, 13]), told.count('QuotaExceeded'), told[-3:]]`;
    expect(await streams.result(ask(lines), python)).toEqual([65, 7, ['ok', [200, 13], 'QuotaExceeded']]);
    await expect.poll(() => streams.endedEarly.length, { timeout: 10_000 }).toBe(65);
  });

  test('a flood of reads and cancellations ends at hostCalls', async () => {
    const code = ask(`body = fetch('events')['body']\nwhile True:\n    door.ask('fetch.cancel', {'body': body})`);
    const record = await streams.crm.run('reader', code, { ...python, limits: { hostCalls: 500 } });
    expect([record.status, record.error?.limit]).toEqual(['limit_exceeded', 'hostCalls']);
  });
});
