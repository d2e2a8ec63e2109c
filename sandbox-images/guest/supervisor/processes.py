"""All processes of the container besides the supervisor."""

import posix

SIGKILL = 9


def reap(main):
    """Takes the ended children: (status of `main` or None, whether any child is left)."""
    status = None
    while True:
        try:
            pid, found = posix.waitpid(-1, posix.WNOHANG)
        except ChildProcessError:
            return status, False
        if pid == 0:
            return status, True
        if pid == main:
            status = found


def kill_all():
    """As PID 1 in one call that no fork gets around; elsewhere, in tests, all that descends from this process."""
    if posix.getpid() == 1:
        try:
            posix.kill(-1, SIGKILL)
        except ProcessLookupError:
            pass
        return
    for pid in _descendants():
        try:
            posix.kill(pid, SIGKILL)
        except ProcessLookupError:
            pass


def _descendants():
    parents = {}
    for name in posix.listdir('/proc'):
        if name.isdecimal():
            try:
                fd = posix.open(f'/proc/{name}/stat', posix.O_RDONLY | posix.O_CLOEXEC)
            except OSError:
                continue
            try:
                # The name of the program, in parentheses, may hold anything.
                parents[int(name)] = int(posix.read(fd, 4096).rpartition(b')')[2].split()[1])
            except (OSError, IndexError):
                pass
            finally:
                posix.close(fd)
    found = {posix.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return found - {posix.getpid()}


def how_ended(status):
    """JSON text of the members that say how a process ended."""
    if posix.WIFSIGNALED(status):
        return f',"signal":{posix.WTERMSIG(status)}'
    return f',"exitCode":{posix.WEXITSTATUS(status)}'
