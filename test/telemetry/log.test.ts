import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { createLog } from '../../runtime/telemetry/log.ts';

function gather(level: 'debug' | 'info' | 'silent' = 'info') {
  const lines: string[] = [];
  return { log: createLog(level, { write: (line) => lines.push(line) }), lines };
}

test('a line is one JSON object with level, time, message and the ids', () => {
  const { log, lines } = gather();
  log.info({ requestId: 'req_1', runId: 'run_1', traceId: 'abc' }, 'request');
  const line = JSON.parse(lines[0] ?? '');
  expect(line).toMatchObject({ level: 'info', message: 'request', requestId: 'req_1', runId: 'run_1', traceId: 'abc' });
  expect(new Date(line.at).toISOString()).toBe(line.at);
});

test('a key that slips into a line is not written', () => {
  const { log, lines } = gather();
  log.error(
    { authorization: 'Bearer ck_1', key: 'ck_2', headers: { authorization: 'Bearer ck_3', 'x-api-key': 'ck_4' } },
    'oops',
  );
  expect(lines.join('')).not.toMatch(/ck_\d/);
});

test('the cause of an error is in the line', () => {
  const { log, lines } = gather();
  log.error({ err: new Error('outer', { cause: new Error('disk on fire') }) }, 'request failed');
  log.error({ error: new Error('plain') }, 'request failed');
  expect(lines[0]).toContain('disk on fire');
  expect(lines[1]).toContain('plain');
});

test('levels below the configured one are not written, silent writes none', () => {
  const { log, lines } = gather();
  log.debug({}, 'detail');
  const silent = gather('silent');
  silent.log.error({}, 'loud');
  expect([...lines, ...silent.lines]).toEqual([]);
});

test('flush writes the last lines before the process exits, to standard error', () => {
  const module = new URL('../../runtime/telemetry/log.ts', import.meta.url).href;
  const code = `const { createLog } = await import('${module}'); const log = createLog('info'); process.on('exit', log.flush);
    for (let i = 0; i < 1000; i++) log.info({ i }, 'line'); process.exit(0);`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).i);
  expect({ status, stdout, lines }).toEqual({
    status: 0,
    stdout: '',
    lines: Array.from({ length: 1000 }, (_, i) => i),
  });
});

test('a reader of the log that goes away does not end the service', () => {
  const module = new URL('../../runtime/telemetry/log.ts', import.meta.url).href;
  const code = `const { createLog } = await import('${module}'); const log = createLog('info'); process.on('exit', log.flush);
    for (let i = 0; i < 20; i++) { log.info({ fill: 'x'.repeat(5000) }, 'line'); await new Promise((r) => setTimeout(r, 10)); }
    console.log('still here');`;
  const shell = `"${process.execPath}" --input-type=module -e '${code.replaceAll("'", `'\\''`)}' 2> >(exec 0<&-; exit 0)`;
  const { stdout, status } = spawnSync('bash', ['-c', shell], { encoding: 'utf8' });
  expect({ stdout, status }).toEqual({ stdout: 'still here\n', status: 0 });
});
