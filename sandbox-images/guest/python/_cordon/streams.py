"""Standard streams of a run: output line by line, in order across both, and no input."""

import builtins
import io
import posix
import sys

from _cordon import door
from _cordon.barrier import Barrier

_FileIO, _BufferedWriter, _TextIOWrapper = io.FileIO, io.BufferedWriter, io.TextIOWrapper
_input = builtins.input

_ours = ()
_stdin = None
barrier = None
_last = None


class _Stream(_FileIO):
    """A descriptor whose output comes after all that the other stream has written before."""

    def write(self, data):
        global _last
        if _last is not self:
            if _last is not None:
                barrier.wait()
            _last = self
        return _FileIO.write(self, data)


def _writer(fd, name):
    raw = _Stream(fd, 'w', closefd=False)
    stream = _TextIOWrapper(
        _BufferedWriter(raw), encoding='utf-8', errors='backslashreplace', newline='\n', line_buffering=True
    )
    raw.name = name
    stream.mode = 'w'
    return stream


def begin():
    """The streams of the program instead of those that the interpreter opened."""
    global _ours, _stdin, barrier
    barrier = Barrier()
    sys.stdout = sys.__stdout__ = out = _writer(1, '<stdout>')
    sys.stderr = sys.__stderr__ = err = _writer(2, '<stderr>')
    _ours = (out, err)
    _stdin = sys.stdin
    builtins.input = input
    door.flush = settle
    # What is in the buffers at a fork would be written by parent and child.
    posix.register_at_fork(before=flush)


def flush():
    """Whatever the program put in their place included. Never raises an error of the streams."""
    for stream in (sys.stdout, sys.stderr, *_ours):
        try:
            stream.flush()
        except (Exception, GeneratorExit):
            pass


def settle():
    """What was printed so far is seen before whatever follows."""
    flush()
    barrier.wait()


def error_text(text):
    """Prints to stderr, to the real one if the program broke its own."""
    for stream in (sys.stderr, *_ours[1:]):
        try:
            stream.write(text)
            stream.flush()
            return
        except Exception:
            pass


def input(prompt='', /):
    """Read a line from standard input, which a run does not have."""
    if sys.stdin is not _stdin:
        return _input(prompt)
    try:
        return _input(prompt)
    except EOFError:
        raise EOFError(
            'input(): a run has no standard input; send data in the request\'s "input" and read it with '
            '"from cordon import input"'
        ) from None
