"""The files of a run that its processes read: the program, its input, its limits."""

import posix

from _cordon import places
from _cordon.json_text import encode

_NAMES = {'shell': 'main.sh', 'python': 'main.py', 'javascript': 'main.js', 'typescript': 'main.ts'}


def write(start, barrier):
    """`barrier`: how processes know the pipes of the barrier, see _cordon/barrier.py. Errors: OSError."""
    posix.mkdir(places.RUN, 0o700)
    _write(_NAMES[start['language']], start['code'])
    if start.get('input') is not None:
        _write('input.json', start['input'])
    _write('limits.json', encode(start['limits']))
    if start.get('caPem') is not None:
        _write('ca.pem', start['caPem'])
    _write('barrier', barrier)


def _write(name, text):
    fd = posix.open(f'{places.RUN}/{name}', posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o400)
    data = memoryview(text.encode('utf-8', 'replace'))
    while data:
        data = data[posix.write(fd, data) :]
    posix.close(fd)
