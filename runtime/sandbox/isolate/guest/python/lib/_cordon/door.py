"""The one way out: messages to, and answers from, the device /dev/cordon.

One message is one write: four bytes of length (little-endian), a JSON header, raw bytes.
"""

import fcntl
import json
import posix
import struct

from _cordon import errors
from _cordon.text import well_formed

DEVICE = '/dev/cordon'

_open, _close, _read, _write = posix.open, posix.close, posix.read, posix.write
_O_RDWR = posix.O_RDWR
_fcntl, _F_DUPFD = fcntl.fcntl, fcntl.F_DUPFD
_quote = json.encoder.encode_basestring
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_decode = json.JSONDecoder().decode
_length = struct.Struct('<I').pack
_lengths = struct.Struct('<II').unpack

_fd = -1

# While an answer is awaited: what the collector calls then must not ask.
asking = False


def _no_flush():
    pass


# Set by streams: what was printed before a call must be seen before the call.
flush = _no_flush


def open():
    """A fresh descriptor. Whatever the program did to the last one, this is the device."""
    global _fd
    last = _fd
    try:
        _fd = _open(DEVICE, _O_RDWR)
    except OSError:
        # The program removed the device: the descriptor still leads to it.
        if last < 0:
            raise
        return
    if _fd < 3:
        # A program that closed its streams must not print into here.
        low, _fd = _fd, _fcntl(_fd, _F_DUPFD, 3)
        _close(low)
    # The program may have closed the last one, and this is its number again.
    if last not in (-1, _fd):
        try:
            _close(last)
        except OSError:
            pass


def quote(text):
    """JSON text of a str; lone surrogates are kept for `send`, which makes the whole header well-formed."""
    return _quote(text)


def _bytes(header):
    try:
        return header.encode()
    except UnicodeEncodeError:
        return well_formed(header).encode()


def send(header, data=b''):
    """Sends one message; `header` is JSON text."""
    head = _bytes(header)
    message = b''.join((_length(len(head)), head, data))
    try:
        _write(_fd, message)
    except OSError:
        # The program closed descriptors that were not its own: os.closerange is a usual way to do so.
        open()
        _write(_fd, message)


def _read_exactly(count):
    data = _read(_fd, count)
    if len(data) == count:
        return data
    parts = [data]
    left = count - len(data)
    while left > 0:
        data = _read(_fd, left)
        if not data:
            raise OSError(5, 'the host did not answer')
        parts.append(data)
        left -= len(data)
    return b''.join(parts)


def _reply():
    head, size = _lengths(_read_exactly(8))
    reply = _decode(_read_exactly(head).decode())
    data = _read_exactly(size) if size else b''
    if not reply['ok']:
        raise errors.from_host(reply.get('error') or {})
    return reply.get('value'), data


def _exchange(header, data=b''):
    global asking
    asking = True
    try:
        send(header, data)
        return _reply()
    finally:
        asking = False


def ask(op, args, data=b''):
    """Asks the host and waits: (value, bytes). Raises the host's error."""
    flush()
    return _exchange(f'{{"t":"ask","op":{_quote(op)},"args":{args if type(args) is str else _encode(args)}}}', data)


def start():
    """The program of this run."""
    open()
    return _exchange('{"t":"start"}')[0]


def limit(number):
    """The limit of the run that a refused file operation with this errno stood for, or None."""
    return _exchange(f'{{"t":"limit","errno":{number}}}')[0]


def display(mime, data):
    """Shows data; binary data is base64 text."""
    flush()
    send(f'{{"t":"display","mime":{_quote(mime)},"data":{_quote(data)}}}')


def end(text):
    """The end of the run, as JSON text."""
    open()
    send(f'{{"t":"end","end":{text}}}')


def encode(value):
    """JSON text of a value. Raises TypeError and ValueError as json.dumps does, for NaN too."""
    return _encode(value)
