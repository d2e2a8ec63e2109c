"""The guest's main process, and the pipes between it and the supervisor."""

import posix

from _cordon import places
from guard import DataLimit, all_signals

# What an interpreter of Python reserves beyond what it uses: stacks of threads, arenas.
_RESERVED = 1 << 30
# In MiB, of Node.js.
_LEAST_HEAP = 16

ENVIRONMENT = {
    'PATH': places.PATH,
    'HOME': places.HOME,
    'TMPDIR': places.TEMPORARY,
    'LANG': 'C.UTF-8',
    'USER': 'guest',
    'SHELL': places.BASH,
}


_PROXY = f'http://127.0.0.1:{places.PROXY_PORT}'
_CA = f'{places.RUN}/ca.pem'
_NO_PROXY = 'localhost,127.0.0.1,::1'
# How programs find the way out, and whom they trust there. Some know the small letters, some the capitals.
EGRESS_ENVIRONMENT = {
    **{name: _PROXY for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY')},
    'no_proxy': _NO_PROXY,
    'NO_PROXY': _NO_PROXY,
    **{
        name: _CA
        for name in (
            'SSL_CERT_FILE',
            'REQUESTS_CA_BUNDLE',
            'CURL_CA_BUNDLE',
            'GIT_SSL_CAINFO',
            'AWS_CA_BUNDLE',
            'NODE_EXTRA_CA_CERTS',
        )
    },
    'NODE_USE_ENV_PROXY': '1',
}


def environment(start):
    if start.get('caPem') is None:
        return ENVIRONMENT
    found = ENVIRONMENT | EGRESS_ENVIRONMENT
    if start['language'] in ('javascript', 'typescript'):
        # Its harness does the same when it is first needed, and sets it for others (node/proxy.mjs).
        del found['NODE_USE_ENV_PROXY']
    return found


class Pipes:
    """Ends of the supervisor: `stdout`, `stderr`, `asked` (read) and `answers` (write). None of them blocks."""

    def __init__(self):
        self.stdout, out = posix.pipe()
        self.stderr, err = posix.pipe()
        self.asked, ask = posix.pipe()
        answer, self.answers = posix.pipe()
        self._theirs = (out, err, ask, answer)
        # As _cordon/barrier.py names them.
        self.names = ' '.join(str((found.st_dev, found.st_ino)) for found in map(posix.fstat, (ask, answer)))
        for fd in (self.stdout, self.stderr, self.asked, self.answers):
            posix.set_blocking(fd, False)

    def actions(self):
        """What the new process does with its descriptors: 1 to 4 are ours, and no other is open."""
        # By way of numbers that nobody has: one pipe may have the number that another is to get.
        between = range(60, 60 + len(self._theirs))
        actions = [(posix.POSIX_SPAWN_OPEN, 0, '/dev/null', posix.O_RDONLY, 0)]
        actions += [(posix.POSIX_SPAWN_DUP2, fd, number) for fd, number in zip(self._theirs, between)]
        actions += [(posix.POSIX_SPAWN_DUP2, number, at) for at, number in enumerate(between, 1)]
        return actions + [(posix.POSIX_SPAWN_CLOSE, number) for number in between]

    def close_theirs(self):
        for fd in self._theirs:
            posix.close(fd)


def command(language, root, ram_bytes):
    """Program and arguments of a language's main process."""
    if language == 'shell':
        return [places.BASH, f'{places.RUN}/main.sh']
    if language == 'python':
        return [places.PYTHON, '-B', f'{root}/python/run.py']
    # V8 collects by what it may use: without this it is ended for memory that it could have freed.
    heap = max(_LEAST_HEAP, ram_bytes >> 20)
    return [
        places.NODE,
        f'--require={root}/node/guest.cjs',
        '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
        f'--max-old-space-size={heap}',
        f'{root}/node/run.cjs',
    ]


def spawn(start, root, pipes, sacrifice):
    """The process id. Errors: OSError."""
    ram_bytes = start['limits']['ramBytes']
    # Of all languages only Python tells a program that there is no memory.
    data = ram_bytes + _RESERVED if start['language'] == 'python' else None
    try:
        posix.chdir(places.WORKSPACE)
        with sacrifice, DataLimit(data):
            argv = command(start['language'], root, ram_bytes)
            return posix.posix_spawn(
                argv[0],
                argv,
                environment(start),
                file_actions=pipes.actions(),
                setsid=True,
                setsigmask=(),
                setsigdef=all_signals(),
            )
    finally:
        posix.chdir('/')
        pipes.close_theirs()
