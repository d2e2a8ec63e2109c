"""HTTP through the host's operation `fetch`: http.client, and with it urllib.request, urllib3 and requests.

A body is read piece by piece, each when it is wanted, by one call of the host.
"""

import http.client
import io
import re

from _cordon import door, errors

# The host sends a whole body and answers a decoded one: these speak of a connection that does not exist.
_of_connection = frozenset(
    'accept-encoding connection content-encoding content-length keep-alive proxy-connection te trailer '
    'transfer-encoding upgrade'.split()
)
_line_break = re.compile(r'[\r\n]+')
# Larger reads go past the buffer.
_buffered = 8192


# Bodies that were let go of while the host was being asked.
_abandoned = []


class Body:
    """What follows the head of a response."""

    def __init__(self, first, number):
        self._first, self._number = first, number

    @property
    def complete(self):
        """All of it that has not been read is here."""
        return self._number is None

    def read(self):
        """The next piece; b'' at the end."""
        piece, self._first = self._first, b''
        while not piece and self._number is not None:
            try:
                answer, piece = _ask('fetch.read', {'body': self._number})
            except BaseException:
                self.close()
                raise
            if answer['done']:
                self._number = None
        return piece

    def rest(self):
        return b''.join(iter(self.read, b''))

    def close(self):
        """Ends the call at the host."""
        number, self._number, self._first = self._number, None, b''
        if number is None:
            return
        if door.asking:
            _abandoned.append(number)
        else:
            _cancel(number)

    __del__ = close


def _cancel(number):
    try:
        door.ask('fetch.cancel', {'body': number})
    except (*errors.from_the_host, TypeError):
        # The run has no calls left, or the host has ended it.
        pass


def _ask(op, args, data=b''):
    while _abandoned:
        _cancel(_abandoned.pop())
    return door.ask(op, args, data)


def fetch(url, method='GET', headers=(), body=b'', redirect='follow'):
    """({status, statusText?, headers, url?}, Body). Raises EgressDenied, or another error of the host."""
    pairs = [[str(name), str(value)] for name, value in headers]
    args = {'url': url, 'method': method, 'headers': pairs, 'redirect': redirect}
    answer, data = _ask('fetch', args, body)
    return answer, Body(data, answer.get('body'))


def header_pairs(answer):
    headers = answer.get('headers') or []
    return [(str(name), str(value)) for name, value in (headers.items() if isinstance(headers, dict) else headers)]


class _Response(io.RawIOBase):
    """The bytes of a response as a connection would bring them: a head, then the body, as it comes."""

    def __init__(self, head, body, chunked):
        self._bytes, self._body, self._chunked = memoryview(head), body, chunked
        self._ended = False

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self._bytes and not self._ended:
            self._bytes = memoryview(self._next())
        size = min(len(buffer), len(self._bytes))
        buffer[:size] = self._bytes[:size]
        self._bytes = self._bytes[size:]
        return size

    def _next(self):
        piece = self._body.read()
        self._ended = not piece
        if not self._chunked:
            return piece
        return b'%x\r\n%b\r\n' % (len(piece), piece)

    def close(self):
        self._body.close()
        super().close()


class Wire:
    """Stands where a connected socket would: gathers one request, hands it to the host, reads as its response."""

    def __init__(self, scheme, host, port, default_port):
        host = f'[{host}]' if ':' in host and not host.startswith('[') else host
        self._origin = f'{scheme}://{host}' + ('' if port in (None, default_port) else f':{port}')
        self._out = bytearray()
        self._response = None
        self._timeout = None

    def sendall(self, data, flags=0):
        self._out += data
        request = _parse(self._out)
        if request is not None:
            self._out = bytearray()
            method, target, headers, body = request
            url = target if '://' in target else self._origin + target
            # urllib and requests follow redirects themselves.
            self._response = _response(method, *fetch(url, method, headers, body, 'manual'))

    def send(self, data, flags=0):
        self.sendall(data)
        return len(data)

    def makefile(self, mode='r', *args, **options):
        response, self._response = self._response, None
        return io.BytesIO() if response is None else io.BufferedReader(response, _buffered)

    def settimeout(self, value):
        self._timeout = value

    def gettimeout(self):
        return self._timeout

    def setsockopt(self, *args):
        pass

    def shutdown(self, how):
        pass

    def close(self):
        pass

    def fileno(self):
        return -1

    def getpeercert(self, binary_form=False):
        return b'' if binary_form else {}


def _parse(out):
    """(method, target, headers, body) once the request is complete, else None."""
    stop = out.find(b'\r\n\r\n')
    if stop < 0:
        return None
    first, *lines = bytes(out[:stop]).decode('latin-1').split('\r\n')
    method, target, _ = first.split(' ', 2)
    headers, length, chunked = [], 0, False
    for line in lines:
        name, _, value = line.partition(':')
        value, lower = value.strip(), name.lower()
        if lower == 'content-length':
            length = int(value)
        elif lower == 'transfer-encoding':
            chunked = 'chunked' in value.lower()
        if lower not in _of_connection and lower != 'host':
            headers.append((name, value))
    start = stop + 4
    if chunked:
        body = _unchunk(out, start)
        return None if body is None else (method, target, headers, body)
    if len(out) - start < length:
        return None
    return method, target, headers, bytes(out[start : start + length])


def _unchunk(out, at):
    """The body of a chunked request, None before its last chunk is there."""
    if not out.endswith(b'0\r\n\r\n'):
        return None
    parts = []
    while True:
        stop = out.find(b'\r\n', at)
        if stop < 0:
            return None
        size = int(bytes(out[at:stop]).split(b';')[0], 16)
        at = stop + 2
        if size == 0:
            return b''.join(parts)
        parts.append(bytes(out[at : at + size]))
        at += size + 2


def _response(method, answer, body):
    """The response as HTTP/1.1 has it: with its length where that is known, else in chunks as they come."""
    status = int(answer.get('status', 200))
    reason = str(answer.get('statusText') or http.client.responses.get(status, ''))
    given = header_pairs(answer)
    pairs = [(name, value) for name, value in given if name.lower() not in _of_connection]
    lengths = [pair for pair in given if pair[0].lower() == 'content-length']
    chunked = False
    if method == 'HEAD' or status in (204, 304):
        pairs += lengths
        body.close()
    elif body.complete:
        data = body.read()
        body = Body(data, None)
        pairs.append(('Content-Length', str(len(data))))
    elif lengths:
        pairs += lengths[:1]
    else:
        chunked = True
        pairs.append(('Transfer-Encoding', 'chunked'))
    pairs.append(('Connection', 'close'))
    lines = [f'HTTP/1.1 {status} {reason}', *(f'{name}: {value}' for name, value in pairs)]
    head = '\r\n'.join(_line_break.sub(' ', line) for line in lines)
    return _Response(head.encode('latin-1', 'replace') + b'\r\n\r\n', body, chunked)


def _connect(self):
    """Connect to the host and port specified in __init__."""
    self.sock = Wire('http', self.host, self.port, 80)


def _connect_tls(self):
    """Connect to a host on a given (SSL) port."""
    self.sock = Wire('https', self.host, self.port, 443)


def into_urllib3():
    """Makes urllib3's connections go through the host."""
    from urllib3 import connection

    def connect(self):
        _connect(self)
        self._has_connected_to_proxy = False

    def connect_tls(self):
        _connect_tls(self)
        self.is_verified = True

    connection.HTTPConnection.connect = connect
    if isinstance(connection.HTTPSConnection, type):
        connection.HTTPSConnection.connect = connect_tls


def install():
    http.client.HTTPConnection.connect = _connect
    http.client.HTTPSConnection.connect = _connect_tls
    from _cordon import pyfetch

    pyfetch.install()
