"""One connection of a process of the run to Cordon."""

import _socket
import fcntl
import posix

from _cordon import places
from _cordon.frames import LENGTHS, frame, lengths
from _cordon.json_text import decode


class Lost(Exception):
    """Cordon closed the connection: the run is over, or what was sent is not of the protocol."""


class Connection:
    """Errors of all methods: OSError, Lost."""

    def __init__(self):
        made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        if made.fileno() < 3:
            # A program that closed its streams must not print into here.
            high = fcntl.fcntl(made.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
            made.close()
            made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, high)
        made.connect(places.DOOR)
        self._socket = made
        self._identity = _identity(made.fileno())
        self._asked = 0

    def is_whole(self):
        """Whether the descriptor is still ours: a program may close all that it did not open, and open others."""
        return _identity(self._socket.fileno()) == self._identity

    def close(self):
        if self.is_whole():
            self._socket.close()
        else:
            self._socket.detach()

    def ask(self, kind, members, data=b''):
        """Sends {t: kind, id, ...members}, where `members` is JSON text of members; answers the reply and its bytes."""
        self._asked += 1
        self._socket.sendall(frame(f'{{"t":"{kind}","id":{self._asked},{members}}}', data))
        head, size = lengths(self._read(LENGTHS))
        header = decode(self._read(head).decode())
        return header['reply'], bytes(self._read(size)) if size else b''

    def _read(self, count):
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = self._socket.recv_into(view)
            if got == 0:
                raise Lost('Cordon closed the connection')
            view = view[got:]
        return data


def _identity(fd):
    try:
        found = posix.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino
