/** Proves the walls of a container: a program in it tries to get through each. */
import type { Json } from '../../json.ts';
import type { GuestHost, Outcome, Program, WallReport } from '../driver.ts';
import { defaultLimits } from '../limits.ts';

export const containerWallNames = [
  'container',
  'gvisor',
  'user-namespace',
  'no-network',
  'no-capabilities',
  'no-new-privileges',
  'seccomp',
  'read-only-root',
  'unprivileged-user',
  'cgroup',
  'sized-workspace',
] as const;
export type ContainerWallName = (typeof containerWallNames)[number];

const GiB = 1024 ** 3;

/** Prints one line of JSON: by name of what it tried, what it saw. */
const attempts = String.raw`
import ctypes, errno, json, os, socket
seen = {}
def tried(name, call):
    try:
        seen[name] = ['got through', str(call())[:200]]
    except Exception as error:
        seen[name] = ['refused', f'{type(error).__name__}: {error}'[:200]]
status = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)
libc = ctypes.CDLL(None, use_errno=True)
def system(name, *args):
    if getattr(libc, name)(*args) != 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def connect():
    with socket.socket() as one:
        one.settimeout(2)
        one.connect(('192.0.2.1', 80))
def write(path):
    with open(path, 'w') as file: file.write('x')
tried('connect', connect)
tried('mount', lambda: system('mount', b'none', b'/tmp', b'tmpfs', 0, None))
tried('unshare', lambda: system('unshare', 0x10000000 | 0x20000))
tried('root', lambda: write('/usr/probe'))
tried('setuid', lambda: os.setuid(0))
tried('sysctl', lambda: write('/proc/sys/kernel/hostname'))
tried('sysrq', lambda: write('/proc/sysrq-trigger'))
tried('device', lambda: os.mknod('/tmp/device', 0o060600, os.makedev(8, 0)))
seen['interfaces'] = [name for name in os.listdir('/sys/class/net')] if os.path.isdir('/sys/class/net') else []
seen['sockets'] = [path for path in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock') if os.path.exists(path)]
seen['uid'] = os.getuid()
seen['uidMap'] = open('/proc/self/uid_map').read().split() if os.path.exists('/proc/self/uid_map') else []
for name in ('CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp'): seen[name] = status.get(name, '').strip()
def first(*paths):
    for path in paths:
        if os.path.exists(path): return open(path).read().strip()
seen['memoryCap'] = first('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes')
seen['processCap'] = first('/sys/fs/cgroup/pids.max', '/sys/fs/cgroup/pids/pids.max')
seen['workspace'] = os.path.exists('/workspace/cordon-probe')
seen
`;

export interface ProbeFacts {
  runtime: 'runc' | 'gvisor';
  /** What was found out about runtimes, in words. */
  runtimeDetail: string;
  runtimeUsable: boolean;
  gvisorDetail: string;
  /** The caps are seen and set from here, or through the engine. */
  countersSeen: boolean;
  /** Undefined: the workspace is a sized file system, mounted. Else why not. */
  whyInMemory: string | undefined;
  /** A file was put into the mounted workspace for the probe to find. */
  mountTried: boolean;
}

export const probeProgram: Program = {
  runId: 'run_probe',
  language: 'python',
  code: attempts,
  input: undefined,
  limits: { ...defaultLimits, wallMs: 30_000 },
};

export const probeHost: GuestHost = {
  output() {},
  waiting() {},
  call: async () => ({ ok: false, error: { name: 'Error', message: 'the probe has no host' } }),
};

/** What stands, as the probe saw it. A probe that did not come back proves nothing: no wall stands. */
export function judgeProbe(outcome: Outcome, facts: ProbeFacts): WallReport[] {
  const seen = (outcome.status === 'succeeded' ? outcome.result : undefined) as Record<string, Json> | undefined;
  const why =
    seen === undefined ? `the probe ended ${outcome.status}: ${'error' in outcome ? outcome.error.message : ''}` : '';
  const pair = (name: string) => (Array.isArray(seen?.[name]) ? (seen[name] as string[]) : []);
  const refused = (name: string) => pair(name)[0] === 'refused';
  const said = (...names: string[]) =>
    names.map((name) => `${name}: ${String(pair(name)[1] ?? seen?.[name])}`).join('; ');
  const wall = (name: ContainerWallName, stands: boolean, detail: string): WallReport => ({
    name,
    stands: seen !== undefined && stands,
    detail: seen === undefined ? why : detail,
  });
  const isCapped = (name: string, most: number) => Number(seen?.[name] ?? Number.NaN) <= most;
  const none = (mask: unknown) => /^0+$/.test(String(mask));
  const isGvisor = facts.runtime === 'gvisor';
  const uidMap = (seen?.uidMap ?? []) as string[];
  const remapped = uidMap.length > 0 && uidMap[1] !== '0';
  return [
    wall(
      'container',
      refused('sysrq') && refused('sysctl'),
      `${facts.runtime}: ${facts.runtimeDetail}; ${said('sysctl', 'sysrq')}`,
    ),
    wall('gvisor', isGvisor, facts.gvisorDetail),
    wall(
      'user-namespace',
      !isGvisor && remapped,
      remapped
        ? `users of the container are others outside (uid_map ${uidMap.join(' ')})`
        : 'the engine does not map users of containers: dockerd --userns-remap, or a rootless engine, does',
    ),
    wall(
      'no-network',
      refused('connect') && pair('interfaces').every((name) => name === 'lo') && pair('sockets').length === 0,
      `${said('connect')}; interfaces: ${String(seen?.interfaces) || 'none'}; no socket of an engine`,
    ),
    wall(
      'no-capabilities',
      (isGvisor || (none(seen?.CapEff) && none(seen?.CapBnd))) &&
        refused('mount') &&
        refused('device') &&
        refused('setuid'),
      said('mount', 'device', 'setuid', 'CapBnd'),
    ),
    wall('no-new-privileges', isGvisor || seen?.NoNewPrivs === '1', said('NoNewPrivs')),
    wall('seccomp', (isGvisor || seen?.Seccomp === '2') && refused('unshare'), said('Seccomp', 'unshare')),
    wall('read-only-root', refused('root'), said('root')),
    wall('unprivileged-user', Number(seen?.uid) > 0 && refused('setuid'), said('uid', 'setuid')),
    wall(
      'cgroup',
      // gVisor shows its guests none of the host's groups: there the counters must be seen from outside.
      isGvisor ? facts.countersSeen : isCapped('memoryCap', GiB) && isCapped('processCap', 2000),
      `${said('memoryCap', 'processCap')}; its counters are read ${facts.countersSeen ? 'from outside' : 'through the engine'}`,
    ),
    wall(
      'sized-workspace',
      facts.whyInMemory === undefined && facts.mountTried && seen?.workspace === true,
      facts.whyInMemory === undefined
        ? 'a file system of the agent’s own, sized in bytes and files, was mounted into a running container'
        : `the workspace lies in the container’s memory and is copied in and out: ${facts.whyInMemory}`,
    ),
  ];
}
