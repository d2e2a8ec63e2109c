/** fds of the launcher: 3 is the channel that the worker keeps, the others end with bubblewrap. */
export const seccompFd = 4;
export const statusFd = 5;

/** What to do where bubblewrap is missing. */
export const installHint = 'install bubblewrap (Debian, Ubuntu, Fedora, Arch, Alpine: package `bubblewrap`)';

/**
 * bubblewrap's arguments up to the command (bwrap(1), 0.8). The jail folder is the whole root, read-only: no /proc, no
 * /dev, no /usr, nothing writable. node is pid 1, so its death ends every process of the jail.
 */
export function bubblewrapArguments(options: {
  root: string;
  node: string;
  preload: string;
  seccomp: boolean;
}): string[] {
  return [
    '--unshare-user',
    '--unshare-ipc',
    '--unshare-pid',
    '--unshare-net',
    '--unshare-uts',
    '--unshare-cgroup-try',
    '--die-with-parent',
    '--new-session',
    '--as-pid-1',
    '--clearenv',
    ...['--cap-drop', 'ALL'],
    ...['--uid', '65534', '--gid', '65534', '--hostname', 'sandbox'],
    ...['--ro-bind', options.root, '/'],
    ...['--ro-bind', options.node, '/bin/node'],
    // Names the lock; an empty file otherwise, so that a probe can look at the jail without it.
    ...(options.seccomp ? ['--ro-bind', options.preload, '/etc/ld.so.preload', '--seccomp', String(seccompFd)] : []),
    ...['--chdir', '/app'],
    ...['--json-status-fd', String(statusFd)],
    '--',
  ];
}

/** The pid of the jailed process, as seen outside, from bubblewrap's status stream. */
export function childPid(status: string): number | undefined {
  const match = /"child-pid"\s*:\s*(\d+)/.exec(status);
  return match === null ? undefined : Number(match[1]);
}
