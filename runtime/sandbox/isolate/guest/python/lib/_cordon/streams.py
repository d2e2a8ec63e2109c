"""Standard streams of a run: output line by line, and no input."""

import builtins
import io
import sys

from _cordon import door

_FileIO, _BufferedWriter, _TextIOWrapper, _BytesIO = io.FileIO, io.BufferedWriter, io.TextIOWrapper, io.BytesIO
_input = builtins.input

_ours = ()
_stdin = None


class _NoInput(_TextIOWrapper):
    """Standard input at its end."""

    @property
    def name(self):
        return '<stdin>'


def _writer(fd, name):
    raw = _FileIO(fd, 'w', closefd=False)
    stream = _TextIOWrapper(
        _BufferedWriter(raw), encoding='utf-8', errors='backslashreplace', newline='\n', line_buffering=True
    )
    raw.name = name
    stream.mode = 'w'
    return stream


def renew():
    """New streams: nothing that was open survives in the snapshot."""
    global _ours, _stdin
    sys.stdout = sys.__stdout__ = out = _writer(1, '<stdout>')
    sys.stderr = sys.__stderr__ = err = _writer(2, '<stderr>')
    sys.stdin = sys.__stdin__ = _stdin = _NoInput(_BytesIO(), encoding='utf-8')
    _ours = (out, err)
    door.flush = flush


def flush():
    """Whatever the program put in their place included. Never raises an error of the streams."""
    for stream in (sys.stdout, sys.stderr, *_ours):
        try:
            stream.flush()
        except (Exception, GeneratorExit):
            pass


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
    print(prompt, end='', flush=True)
    raise EOFError(
        'input(): a run has no standard input; send data in the request\'s "input" and read it with '
        '"from cordon import input"'
    )


def install():
    builtins.input = input
