"""The module pyodide.http, as code written for Pyodide calls it, over the host's fetch."""

import io
import json
import sys

from _cordon import web

__all__ = ['open_url', 'pyfetch', 'FetchResponse', 'HttpStatusError', 'BodyUsedError', 'AbortError']


class HttpStatusError(OSError):
    """A response with a status of 400 or more."""

    def __init__(self, status, status_text, url):
        self.status, self.status_text, self.url = status, status_text, url
        kind = 'Client' if status < 500 else 'Server'
        super().__init__(f'{status} {kind} Error: {status_text} for url: {url}')


class BodyUsedError(OSError):
    """The body has been read."""


class AbortError(OSError):
    """The request was aborted."""


class _Whole:
    """A body read at once, for a response and its clones."""

    def __init__(self, body):
        self._body, self._bytes = body, None

    def bytes(self):
        if self._bytes is None:
            self._bytes = self._body.rest()
        return self._bytes


class FetchResponse:
    """The response of pyfetch."""

    def __init__(self, url, answer, body):
        self.url = str(answer.get('url') or url)
        self.redirected = self.url != url
        self.status = int(answer.get('status', 200))
        self.status_text = str(answer.get('statusText') or '')
        self.headers = {name.lower(): value for name, value in web.header_pairs(answer)}
        self.type = 'basic'
        self.body_used = False
        self._whole = _Whole(body)

    @property
    def ok(self):
        return 200 <= self.status < 300

    def raise_for_status(self):
        if 400 <= self.status < 600:
            raise HttpStatusError(self.status, self.status_text, self.url)

    def clone(self):
        if self.body_used:
            raise BodyUsedError('Response body is already used')
        copy = object.__new__(FetchResponse)
        copy.__dict__.update(self.__dict__)
        return copy

    async def bytes(self):
        if self.body_used:
            raise BodyUsedError('Response body is already used')
        self.body_used = True
        return self._whole.bytes()

    async def memoryview(self):
        return memoryview(await self.bytes())

    async def text(self):
        return (await self.bytes()).decode('utf-8', 'replace')

    string = text

    async def json(self, **options):
        return json.loads(await self.text(), **options)

    async def unpack_archive(self, *, extract_dir=None, format=None):
        """Unpacks the body, an archive that shutil knows by `format` or by the address."""
        import shutil
        import tempfile

        with tempfile.NamedTemporaryFile(suffix='-' + self.url.rpartition('/')[2].partition('?')[0]) as file:
            file.write(await self.bytes())
            file.flush()
            shutil.unpack_archive(file.name, extract_dir, format)

    def __repr__(self):
        return f'<FetchResponse {self.status} {self.url}>'


async def pyfetch(url, /, *, method='GET', headers=None, body=None, **options):
    """Fetches a URL. Options of the browser's fetch that speak of credentials, caches and modes are ignored."""
    body = b'' if body is None else body.encode() if isinstance(body, str) else bytes(body)
    pairs = list((headers.items() if hasattr(headers, 'items') else headers) if headers else ())
    return FetchResponse(url, *web.fetch(url, method, pairs, body))


def open_url(url):
    """The text at a URL."""
    _, body = web.fetch(url)
    return io.StringIO(body.rest().decode('utf-8', 'replace'))


def install():
    sys.modules['pyodide.http'] = sys.modules[__name__]
    package = sys.modules.get('pyodide')
    if package is not None:
        package.http = sys.modules[__name__]
