"""Keeps the order of output across both streams and calls: asks the supervisor to take what was written so far."""

import fcntl
import posix

_ASK, _ANSWER = 3, 4


def _identity(fd):
    try:
        found = posix.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def names():
    """Text that tells the two pipes from all others: a script may have its own files under their numbers."""
    return f'{_identity(_ASK)} {_identity(_ANSWER)}'


class Barrier:
    """The two pipes that the main process inherits. A program that closes them loses the order, nothing else."""

    def __init__(self):
        self._pipes = (_identity(_ASK), _identity(_ANSWER))
        for fd in (_ASK, _ANSWER):
            try:
                fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
            except OSError:
                self.forget()
        posix.register_at_fork(after_in_child=self.forget)

    def forget(self):
        """In a child an answer could be the parent's."""
        self._pipes = None

    def wait(self):
        """Returns when everything that was written to both streams is on its way to Cordon."""
        if self._pipes is None:
            return
        # The program may have closed them and opened files of its own under their numbers.
        if (_identity(_ASK), _identity(_ANSWER)) != self._pipes:
            self.forget()
            return
        try:
            posix.write(_ASK, b'\0')
            posix.read(_ANSWER, 1)
        except OSError:
            self.forget()

    def close(self):
        """Before the last message: frees two descriptors for it, should the program have used up all."""
        if self._pipes is not None and (_identity(_ASK), _identity(_ANSWER)) == self._pipes:
            posix.close(_ASK)
            posix.close(_ANSWER)
        self.forget()
