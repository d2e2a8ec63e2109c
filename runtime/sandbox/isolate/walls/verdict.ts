import { readFileSync } from 'node:fs';
import type { WallReport } from '../../driver.ts';
import type { Finding } from './probe.ts';

const filesOfOthers = ['read a 0644 file of the service', 'read /etc/passwd'];
const writes = [
  'write a file',
  'write in /',
  'write in /tmp',
  'write in /dev/shm',
  'write in /app',
  'write in /var/tmp',
];

/** Looked at with only Node's permission model around the process: nothing else can have refused. */
export function judgePermissions(finding: Finding): WallReport {
  return judge('permissions', finding, {
    refused: [
      ...filesOfOthers,
      ...writes,
      'execute a program',
      'start a thread',
      'connect to a loopback port',
      'find an environment variable',
    ],
    by: /^refused (ERR_ACCESS_DENIED|none)/,
  });
}

/** Looked at with only bubblewrap around the process. */
export function judgeJail(finding: Finding): WallReport {
  return judge('jail', finding, {
    refused: [
      ...filesOfOthers,
      'read a 0600 file of the service',
      ...writes,
      'list processes',
      'read the environment of pid 1',
      'connect to a loopback port',
      'find an environment variable',
    ],
    // By whatever code, but for those of a machine that is short of something.
    by: /^refused (?!EAGAIN|EMFILE|ENFILE|ENOMEM|TIMEOUT)/,
    // Not "see the service process": here its pid is another process, in a container even the probe's own thread.
    also: [
      ['no capability outside', /^CapEff:\s*0+$/m],
      ['no new privileges', /^NoNewPrivs:\s*1$/m],
      ['a pid namespace of its own', /^NSpid:(\s+\d+){2,}$/m],
    ],
  });
}

/** Looked at with everything but the permission model: EPERM is the filter's answer, the jail's would be another. */
export function judgeSeccomp(finding: Finding, filters: number): WallReport {
  return judge('seccomp', finding, {
    refused: [
      'write a file',
      'write in /',
      'write in /app',
      'see the service process',
      'execute a program',
      'connect to a loopback port',
    ],
    by: /^refused EPERM/,
    also: [
      ['filter mode', /^Seccomp:\s*2$/m],
      ...countOfFilters(finding, filters),
      ['no new privileges', /^NoNewPrivs:\s*1$/m],
    ],
  });
}

/**
 * The lock is loaded by name and its absence would go unnoticed: bubblewrap's filter refuses all that JavaScript can try.
 * Kernels before 5.9 do not count. The service's own filters, as in a container, are inherited and counted as well.
 */
function countOfFilters(finding: Finding, added: number): [what: string, inStatus: RegExp][] {
  const count = (status: string) => /^Seccomp_filters:\s*(\d+)$/m.exec(status)?.[1];
  const found = count(finding.status);
  if (found === undefined) return [];
  const expected = Number(count(readFileSync('/proc/self/status', 'latin1')) ?? 0) + added;
  return [[`${expected} filters`, new RegExp(`^Seccomp_filters:\\s*${expected}$`, 'm')]];
}

/** Looked at with nothing but the user's rights around the process. */
export function judgeUser(finding: Finding, jailStands: boolean): WallReport {
  const uid = /^Uid:\s*(\d+)/m.exec(finding.status)?.[1];
  const own = process.getuid?.();
  if (own !== 0 && own !== undefined && finding.outcomes !== undefined)
    return {
      name: 'user',
      stands: jailStands,
      detail: `the service itself is unprivileged (uid ${own}), and workers have its uid: ${
        jailStands ? 'their jail alone keeps' : 'without a jail nothing but the isolate and the permission model keeps'
      } them from its files`,
    };
  return judge('user', finding, {
    refused: ['read a 0600 file of the service', 'see the service process', 'write in /'],
    by: /^refused (EACCES|EPERM)/,
    also: [[`uid ${uid} outside`, /^Uid:\s*([1-9]\d*)\s+\1\s+\1\s+\1$/m]],
  });
}

/** Looked at with everything around the process. */
export function judgeRam(finding: Finding, means: string): WallReport {
  if (finding.outcomes === undefined) return { name: 'ram', stands: false, detail: silence(finding) };
  const stands = finding.exit?.reason === 'ramBytes';
  return {
    name: 'ram',
    stands,
    detail: `${means}: ${stands ? 'killed' : 'NOT killed'} a process that used four times its 96 MiB`,
  };
}

function judge(
  name: string,
  finding: Finding,
  rule: { refused: string[]; by: RegExp; also?: [what: string, inStatus: RegExp][] },
): WallReport {
  const { outcomes } = finding;
  if (outcomes === undefined) return { name, stands: false, detail: silence(finding) };
  const broken = rule.refused.filter((attempt) => !rule.by.test(outcomes[attempt] ?? 'not tried'));
  if (broken.length === 0 && finding.unclear !== undefined) return { name, stands: false, detail: silence(finding) };
  const absent = (rule.also ?? []).filter(([, inStatus]) => !inStatus.test(finding.status)).map(([what]) => what);
  if (broken.length + absent.length > 0) {
    const done = broken.map((attempt) => `${attempt} (${outcomes[attempt] ?? 'not tried'})`);
    return {
      name,
      stands: false,
      detail: `the probe was not stopped: ${[...done, ...absent.map((what) => `not found: ${what}`)].join('; ')}`,
    };
  }
  const seen = rule.refused.map((attempt) => `${attempt}: ${outcomes[attempt]?.replace('refused ', '')}`);
  return {
    name,
    stands: true,
    detail: `refused ${seen.join(', ')}${(rule.also ?? []).map(([what]) => `; ${what}`).join('')}`,
  };
}

function silence(finding: Finding): string {
  if (finding.unclear !== undefined) return `it could not be judged: ${finding.unclear}`;
  const last = finding.stderr.split('\n').filter(Boolean).slice(-2).join(' ');
  return `a process inside it does not start${last === '' ? '' : `: ${last}`}`;
}
