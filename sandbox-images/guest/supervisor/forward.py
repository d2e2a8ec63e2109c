"""
The way out of a run: connections to a port of the container's own loopback are handed on to Cordon's socket, byte by
byte. Part of the loop in watch.py: nothing here blocks, and what one side does not take is not read from the other.
"""

import _socket
import select

from _cordon import places

# At once. Further ones wait in the kernel's queue.
_MOST = 64
_QUEUE = 128
# What a connection may hold in each direction: one record of TLS.
_PIECE = 1 << 14


class _Side:
    """One socket of a pair. `held`: what was read from it and not yet taken by the other side."""

    __slots__ = ('socket', 'fd', 'other', 'held', 'ended', 'events')

    def __init__(self, socket):
        socket.setblocking(False)
        self.socket = socket
        self.fd = socket.fileno()
        self.other = None
        self.held = b''
        self.ended = False
        self.events = 0


class Forwarder:
    """Errors of the constructor: OSError."""

    def __init__(self):
        self._sides = {}
        self._poll = None
        self._listens = False
        self._listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(('127.0.0.1', places.PROXY_PORT))
        self._listener.listen(_QUEUE)

    def watch(self, poll):
        """Descriptors that become ready in `poll` are for `serve`."""
        self._poll = poll
        self._listen()

    def serve(self, fd, event):
        if fd == self._listener.fileno():
            return self._accept()
        side = self._sides.get(fd)
        # Closed earlier in this turn.
        if side is None:
            return None
        if event & ~select.POLLOUT:
            self._read(side)
        self._write(side.other)
        self._write(side)
        return self._settle(side)

    def close(self):
        for side in [*self._sides.values()]:
            self._poll_for(side, 0)
            side.socket.close()
            side.other = None
        self._sides.clear()
        if self._listens:
            self._poll.unregister(self._listener.fileno())
        self._listener.close()

    def _listen(self):
        """Accepts only as many as there is room for."""
        listens = len(self._sides) < 2 * _MOST
        if listens != self._listens:
            self._listens = listens
            if listens:
                self._poll.register(self._listener.fileno(), select.POLLIN)
            else:
                self._poll.unregister(self._listener.fileno())

    def _accept(self):
        try:
            fd, _ = self._listener._accept()
        except OSError:
            return
        near, far = _Side(_socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, fd)), None
        try:
            near.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            far = _Side(_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM))
            # At once or not at all, even when Cordon's queue is full.
            far.socket.connect(places.EGRESS)
        except OSError:
            near.socket.close()
            if far is not None:
                far.socket.close()
            return
        near.other, far.other = far, near
        self._sides[near.fd] = near
        self._sides[far.fd] = far
        self._settle(near)

    @staticmethod
    def _read(side):
        if side.held or side.ended:
            return
        try:
            side.held = side.socket.recv(_PIECE)
            side.ended = not side.held
        except BlockingIOError:
            return
        except OSError:
            side.ended = True
        if side.ended:
            _shut(side.other)

    @staticmethod
    def _write(side):
        """What was read from `side`, as far as the other takes it. One that takes nothing any more is not written to."""
        if not side.held:
            return
        try:
            side.held = side.held[side.other.socket.send(side.held) :]
        except BlockingIOError:
            return
        except OSError:
            side.held = b''
            side.ended = True
        if side.ended and not side.held:
            _shut(side.other)

    def _settle(self, side):
        """What to wait for next. One that has nothing to wait for is not watched: its hang-up would be told for ever."""
        pair = (side, side.other)
        if all(one.ended and not one.held for one in pair):
            for one in pair:
                self._poll_for(one, 0)
                del self._sides[one.fd]
                one.socket.close()
                one.other = None
        else:
            for one in pair:
                reading = 0 if one.held or one.ended else select.POLLIN
                self._poll_for(one, reading | (select.POLLOUT if one.other.held else 0))
        self._listen()

    def _poll_for(self, side, events):
        if events == side.events:
            return
        if events:
            self._poll.register(side.fd, events)
        else:
            self._poll.unregister(side.fd)
        side.events = events


def _shut(side):
    """Nothing more comes for it."""
    try:
        side.socket.shutdown(_socket.SHUT_WR)
    except OSError:
        pass
