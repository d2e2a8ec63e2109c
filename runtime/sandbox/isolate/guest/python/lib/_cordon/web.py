"""HTTP through the host's operation `fetch`: http.client, and with it urllib.request, urllib3 and requests."""

import http.client
import io
import re

from _cordon import door

# The host sends a whole body and answers a whole decoded body: these speak of a connection that does not exist.
_of_connection = frozenset(
    'accept-encoding connection content-encoding content-length keep-alive proxy-connection te trailer '
    'transfer-encoding upgrade'.split()
)
_line_break = re.compile(r'[\r\n]+')


def fetch(url, method='GET', headers=(), body=b'', redirect='follow'):
    """({status, statusText?, headers, url?}, bytes). Raises EgressDenied, or another error of the host."""
    pairs = [[str(name), str(value)] for name, value in headers]
    args = {'url': url, 'method': method, 'headers': pairs, 'redirect': redirect}
    answer, data = door.ask('fetch', args, body)
    return answer, data


def header_pairs(answer):
    headers = answer.get('headers') or []
    return [(str(name), str(value)) for name, value in (headers.items() if isinstance(headers, dict) else headers)]


class Wire:
    """Stands where a connected socket would: gathers one request, hands it to the host, reads as its response."""

    def __init__(self, scheme, host, port, default_port):
        host = f'[{host}]' if ':' in host and not host.startswith('[') else host
        self._origin = f'{scheme}://{host}' + ('' if port in (None, default_port) else f':{port}')
        self._out = bytearray()
        self._response = b''
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
        response, self._response = self._response, b''
        return io.BytesIO(response)

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


def _response(method, answer, data):
    """The response as HTTP/1.1 bytes."""
    status = int(answer.get('status', 200))
    reason = str(answer.get('statusText') or http.client.responses.get(status, ''))
    pairs = [(name, value) for name, value in header_pairs(answer) if name.lower() not in _of_connection]
    if method != 'HEAD' and status not in (204, 304):
        pairs.append(('Content-Length', str(len(data))))
    else:
        pairs += [pair for pair in header_pairs(answer) if pair[0].lower() == 'content-length']
        data = b''
    pairs.append(('Connection', 'close'))
    lines = [f'HTTP/1.1 {status} {reason}', *(f'{name}: {value}' for name, value in pairs)]
    head = '\r\n'.join(_line_break.sub(' ', line) for line in lines)
    return head.encode('latin-1', 'replace') + b'\r\n\r\n' + data


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
