"""The one way out: questions to Cordon, over one connection of this process that all its threads share."""

import _thread
import atexit
import errno
import posix

from _cordon import errors, json_text, places
from _cordon.connection import Connection, Lost

quote, encode = json_text.quote, json_text.encode


def _nothing():
    pass


# Set by the harness: what was printed before a call must be seen before the call.
flush = _nothing


class _Kept:
    """The connection of this process, and who uses it now."""

    def __init__(self):
        self.lock = _thread.RLock()
        self.connection = None

    def after_fork(self):
        """In the child: answers on the parent's connection are the parent's, and its lock may never be released."""
        self.lock = _thread.RLock()
        self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def ask(self, kind, members, data):
        if self.lock._is_owned():
            # A signal handler or finalizer in the middle of a call of the same thread.
            between = Connection()
            try:
                return between.ask(kind, members, data)
            finally:
                between.close()
        with self.lock:
            if self.connection is None or not self.connection.is_whole():
                self.connection = Connection()
            try:
                return self.connection.ask(kind, members, data)
            except BaseException:
                # Half a question or half an answer: nothing after it would fit.
                self.close()
                raise


_kept = _Kept()
posix.register_at_fork(after_in_child=_kept.after_fork)
# CPython 3.9 crashes at its end over a socket that is still open.
atexit.register(_kept.close)


def _ask(kind, members, data=b''):
    flush()
    try:
        reply, answer = _kept.ask(kind, members, data)
    except (OSError, Lost) as error:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        raise errors.CordonError(f'Cordon cannot be reached: {error}') from None
    if not reply.get('ok'):
        raise errors.from_host(reply.get('error') or {})
    return reply.get('value'), answer


def ask(op, args, data=b''):
    """Asks the host and waits: (value, bytes). Raises the host's error."""
    return _ask('call', f'"op":{quote(op)},"args":{args if type(args) is str else encode(args)}', data)


def display(mime, data):
    """Shows data; binary data is base64 text."""
    _ask('display', f'"mime":{quote(mime)},"data":{quote(data)}')


def end(text):
    """How the run ended, as JSON text. The last one counts."""
    _ask('end', f'"end":{quote(text)}')


def limit(number):
    """The limit of the run that a refused file operation with this errno stands for; Cordon looks whether it does."""
    if number not in (errno.ENOSPC, errno.EDQUOT):
        return None
    try:
        found = posix.statvfs(places.WORKSPACE)
    except OSError:
        return 'workspaceBytes'
    return 'files' if found.f_files and not found.f_favail and found.f_bavail > 1 else 'workspaceBytes'


def of_run(name):
    """Text of a file that the supervisor wrote for this run; None when there is none."""
    try:
        fd = posix.open(f'{places.RUN}/{name}', posix.O_RDONLY | posix.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        parts = []
        while part := posix.read(fd, 1 << 20):
            parts.append(part)
    finally:
        posix.close(fd)
    return b''.join(parts).decode()


def input():
    """The input of the run, any JSON value; None when it has none."""
    text = of_run('input.json')
    return None if text is None else json_text.decode(text)


def limits():
    """The limits of the run by name."""
    return json_text.decode(of_run('limits.json') or '{}')
