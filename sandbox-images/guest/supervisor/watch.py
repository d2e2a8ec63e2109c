"""While the guest runs: output, barriers, calls, ended children and Cordon's stop, in one loop that none holds up."""

import posix
import select
import time

from processes import kill_all, reap

# A killed process is gone in milliseconds, unless the kernel waits for a device on its behalf.
_PATIENCE = 5.0
# A program that asks without ever reading an answer.
_MOST_ANSWERS = 1 << 16


class Watch:
    def __init__(self, control, output, pipes, wake, main, forwarder=None):
        self._control = control
        self._output = output
        self._pipes = pipes
        self._streams = {pipes.stdout: 'stdout', pipes.stderr: 'stderr'}
        self._wake = wake
        self._main = main
        self._poll = select.poll()
        self._poll.register(wake, select.POLLIN)
        self._forwarder = forwarder
        if forwarder is not None:
            forwarder.watch(self._poll)
        # What is read only while Cordon takes what comes out of it.
        self._held = {*self._streams, pipes.asked}
        self._reading = False
        # Barriers that wait for what was queued before them to be written: (position, how many).
        self._owed = []
        self.status = None
        self._children = True
        self._killed_at = None

    def run(self):
        """Returns when all processes of the guest are gone and their output is queued. Errors: Closed."""
        # A stop may have come together with the start.
        self._hear(select.POLLIN)
        while self._children:
            self._choose()
            for fd, event in self._poll.poll(self._timeout()):
                self._serve(fd, event)
            self._answer()
            if self._killed_at is not None:
                kill_all()
                if time.monotonic() > self._killed_at + _PATIENCE:
                    break
        if self._forwarder is not None:
            self._forwarder.close()
        for fd, stream in self._streams.items():
            self._output.drain(fd, stream)

    def stop(self):
        if self._killed_at is None:
            self._killed_at = time.monotonic()
        kill_all()

    def _timeout(self):
        return None if self._killed_at is None else 100

    def _choose(self):
        """What to wait for: while Cordon does not take more, the guest's output waits in its pipes."""
        control = self._control
        out = select.POLLOUT if control.waits_to_write() else 0
        self._poll.register(control.fileno(), select.POLLIN | out)
        reading = not control.is_full()
        if reading != self._reading:
            self._reading = reading
            for fd in self._held:
                if reading:
                    self._poll.register(fd, select.POLLIN)
                else:
                    self._poll.unregister(fd)

    def _serve(self, fd, event):
        if fd in self._streams:
            if self._output.read(fd, self._streams[fd]) == 0:
                self._forget(fd)
                del self._streams[fd]
        elif fd == self._pipes.asked:
            self._barrier()
        elif fd == self._wake:
            self._reap()
        elif fd == self._control.fileno():
            self._hear(event)
        elif self._forwarder is not None:
            self._forwarder.serve(fd, event)

    def _barrier(self):
        try:
            count = len(posix.read(self._pipes.asked, 4096))
        except BlockingIOError:
            return
        if count == 0:
            self._forget(self._pipes.asked)
            return
        for fd, stream in self._streams.items():
            self._output.drain(fd, stream)
        position = self._control.queued
        if self._owed and self._owed[-1][0] == position:
            count += self._owed.pop()[1]
        self._owed.append((position, min(count, _MOST_ANSWERS)))

    def _forget(self, fd):
        """Nobody can write into this pipe any more."""
        self._poll.unregister(fd)
        self._held.discard(fd)

    def _answer(self):
        while self._owed and self._owed[0][0] <= self._control.sent:
            _, count = self._owed.pop(0)
            try:
                posix.write(self._pipes.answers, b'\0' * count)
            except OSError:
                # Nobody reads answers: their pipe is full or closed.
                pass

    def _reap(self):
        try:
            while len(posix.read(self._wake, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        status, self._children = reap(self._main)
        if status is not None:
            self.status = status
        if self.status is not None and self._children:
            self.stop()

    def _hear(self, event):
        if event & select.POLLOUT:
            self._control.write()
        if event & ~select.POLLOUT:
            for header, _ in self._control.read():
                if header.get('t') == 'stop':
                    self.stop()
