"""Output of the guest on its way to Cordon, up to the limit; what is beyond is read and dropped."""

import posix

_PIECE = 1 << 16
# A pipe of a guest can be made this large.
_MOST_IN_A_PIPE = 1 << 20


class Output:
    def __init__(self, control, most):
        self._control = control
        self._left = most
        self._dropped = bytearray(_PIECE)

    def send(self, stream, data):
        data = data[: self._left]
        if data:
            self._left -= len(data)
            self._control.send(f'{{"t":"output","stream":"{stream}"}}', data)

    def read(self, fd, stream):
        """Reads once. Answers how many bytes; 0 when nobody can write any more, None when there is nothing now."""
        try:
            if self._left > 0:
                data = posix.read(fd, _PIECE)
                self.send(stream, data)
                return len(data)
            return posix.readv(fd, [self._dropped])
        except BlockingIOError:
            return None

    def drain(self, fd, stream):
        """Reads what is in the pipe now. Bounded, because somebody may go on writing."""
        left = _MOST_IN_A_PIPE
        while left > 0 and (count := self.read(fd, stream)):
            left -= count
