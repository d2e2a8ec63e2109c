import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { isGone, processIdentity } from '../../../runtime/sandbox/isolate/walls/process-identity.ts';

const module = new URL('../../../runtime/sandbox/isolate/walls/process-identity.ts', import.meta.url);

test.skipIf(process.platform !== 'linux')('a process is there while it runs, and gone when another has its pid', () => {
  const identity = processIdentity(process.pid);
  expect(isGone(identity)).toBe(false);
  expect(isGone(identity.replace(/\d+$/, (ticks) => String(Number(ticks) + 1)))).toBe(true);
});

test.skipIf(process.platform !== 'linux')(
  'who has no file left to open takes nobody for gone: that one’s jails would be removed',
  () => {
    const code = `
    import { openSync } from 'node:fs';
    import { isGone, processIdentity } from ${JSON.stringify(module.href)};
    const identity = processIdentity(process.pid);
    let full = '';
    try { for (;;) openSync('/dev/null'); } catch (error) { full = error.code; }
    process._rawDebug(full, isGone(identity));`;
    const script = 'ulimit -n 60; exec "$0" --input-type=module -e "$1" 2>&1';
    const said = execFileSync('/bin/sh', ['-c', script, process.execPath, code], { encoding: 'utf8' });
    expect(said.trim().split('\n').at(-1)).toBe('EMFILE false');
  },
);
