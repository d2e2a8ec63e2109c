"""What keeps the supervisor whole: no signal ends it, no process of the guest looks into it, the kernel spares it."""

import _signal
import posix
import resource

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36


def prctl(option, value, data=0):
    """Whether it was done; `data` may be bytes, given by address. Through the C part of ctypes alone, which costs 0.2 MB; all of it would cost 2."""
    try:
        import _ctypes

        call = _ctypes.dlsym(_ctypes.dlopen(None, 0), 'prctl')
        return _ctypes.call_function(call, (option, value, data, 0, 0)) == 0
    except (ImportError, OSError):
        return False


def all_signals():
    """Numbers of the signals that a process may handle."""
    return set(_signal.valid_signals()) - {_signal.SIGKILL, _signal.SIGSTOP}


def ignore_signals():
    """All but SIGCHLD. PID 1 gets no signal of its own namespace that it does not handle, but Python handles SIGINT."""
    for number in all_signals() - {_signal.SIGCHLD}:
        try:
            _signal.signal(number, _signal.SIG_IGN)
        except OSError:
            pass


def wake_on_children():
    """A descriptor that becomes readable when a child ends."""
    readable, writable = posix.pipe()
    posix.set_blocking(readable, False)
    posix.set_blocking(writable, False)
    _signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    _signal.signal(_signal.SIGCHLD, lambda number, frame: None)
    return readable


class Sacrifice:
    """Children that the kernel takes before the supervisor when memory runs out: they inherit it at their start."""

    def __init__(self):
        try:
            # Open before the process can no longer be looked into: not even by itself, through /proc.
            self._fd = posix.open('/proc/self/oom_score_adj', posix.O_RDWR | posix.O_CLOEXEC)
            self._own = posix.read(self._fd, 16)
        except OSError:
            self._fd = -1

    def _write(self, text):
        if self._fd >= 0:
            try:
                posix.pwrite(self._fd, text, 0)
            except OSError:
                pass

    def __enter__(self):
        self._write(b'1000')

    def __exit__(self, *error):
        self._write(self._own if self._fd >= 0 else b'')


def no_core_files():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class DataLimit:
    """
    Children whose allocations fail above this many bytes, so that a program can catch it: without it the kernel ends
    the process. Far above what the cgroup allows to be used: an interpreter reserves more than it touches.
    """

    def __init__(self, most):
        self._most = most

    def _set(self, soft):
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if hard == resource.RLIM_INFINITY or 0 <= soft <= hard:
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))

    def __enter__(self):
        self._before = resource.getrlimit(resource.RLIMIT_DATA)[0]
        if self._most is not None:
            self._set(self._most)

    def __exit__(self, *error):
        if self._most is not None:
            self._set(self._before)
