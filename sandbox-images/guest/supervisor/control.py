"""The control connection: frames to Cordon that never block the supervisor, and frames from it."""

import _socket
import select
import time

from _cordon.frames import frame, take
from _cordon.json_text import encode, quote

# Above this the guest's pipes are not read: it waits for Cordon, and the supervisor's memory stays small.
FULL = 1 << 20
_PIECE = 1 << 16


class Closed(Exception):
    """Cordon closed the connection: nobody waits for this run any more."""


class Control:
    """Errors of all methods: Closed."""

    def __init__(self, path, patience=2.0):
        self._socket = _connect(path, patience)
        self._socket.setblocking(False)
        self._out = []
        self._in = bytearray()
        self._calls = 0
        self._stopped = False
        self.queued = 0
        self.sent = 0

    def fileno(self):
        return self._socket.fileno()

    def waits_to_write(self):
        return self.sent < self.queued

    def is_full(self):
        return self.queued - self.sent > FULL

    def send(self, header, body=b''):
        """Queues a frame and writes what the socket takes now. `header` is JSON text."""
        data = frame(header, body)
        self._out.append(memoryview(data))
        self.queued += len(data)
        if len(self._out) == 1:
            self.write()

    def write(self):
        """Writes what the socket takes now."""
        while self._out:
            try:
                done = self._socket.send(self._out[0])
            except BlockingIOError:
                return
            except OSError as error:
                raise Closed from error
            self.sent += done
            if done == len(self._out[0]):
                del self._out[0]
            else:
                self._out[0] = self._out[0][done:]

    def read(self):
        """The whole frames that came: [(header, body)]."""
        self._fill()
        frames = []
        while (found := take(self._in)) is not None:
            frames.append(found)
        return frames

    def wait(self):
        """The next frame, after everything was written that is queued."""
        poll = select.poll()
        while (found := take(self._in)) is None:
            poll.register(self._socket.fileno(), select.POLLIN | (select.POLLOUT if self._out else 0))
            for _, event in poll.poll():
                if event & select.POLLOUT:
                    self.write()
                if event & ~select.POLLOUT:
                    self._fill()
        return found

    def _fill(self):
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed
        self._in += data

    def call(self, op, args, data=b''):
        """Asks Cordon and waits: (reply, bytes). A stop that comes meanwhile is kept in `stopped`."""
        self._calls += 1
        self.send(f'{{"t":"call","id":{self._calls},"op":{quote(op)},"args":{encode(args)}}}', data)
        while True:
            header, body = self.wait()
            if header.get('t') == 'stop':
                self._stopped = True
            elif header.get('t') == 'reply' and header.get('id') == self._calls:
                return header['reply'], body

    @property
    def stopped(self):
        """Whether a stop came while something else was waited for."""
        return self._stopped

    def write_all(self):
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLOUT)
        while self._out:
            poll.poll()
            self.write()

    def wait_for_close(self):
        try:
            while True:
                self.wait()
        except Closed:
            pass


def _connect(path, patience):
    """Errors: OSError after `patience` seconds."""
    made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    last = time.monotonic() + patience
    while True:
        try:
            made.connect(path)
            return made
        except OSError:
            if time.monotonic() > last:
                raise
            time.sleep(0.02)
