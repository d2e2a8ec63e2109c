import { expect, test } from 'vitest';
import { knownBreakOuts } from '../../../runtime/sandbox/container/runtimes.ts';

const ids = (version: string | undefined) => knownBreakOuts(version).map((text) => /CVE-[\d-]+/.exec(text)?.[0]);

test.each([
  ['1.0.0-rc2', ['CVE-2019-5736', 'CVE-2024-21626', 'CVE-2025-31133']],
  ['1.4.0-rc.1', ['CVE-2025-31133']],
  ['0.1.1', ['CVE-2019-5736', 'CVE-2024-21626', 'CVE-2025-31133']],
  ['1.1.5+ds1', ['CVE-2024-21626', 'CVE-2025-31133']],
  ['1.1.12', ['CVE-2025-31133']],
  ['1.2.7', ['CVE-2025-31133']],
  ['1.2.8', []],
  ['1.3.2', ['CVE-2025-31133']],
  ['v1.3.3', []],
  ['1.4.0', []],
  ['2.0.0', []],
  [undefined, []],
  ['unknown', []],
])('runc %s', (version, known) => {
  expect(ids(version as string | undefined)).toEqual(known);
});
