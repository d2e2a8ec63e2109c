"""Packages of the operator: found by `import`, fetched from the host by name, unpacked where Python looks for them."""

import errno
import io
import os
import stat
import sys
import zipfile
from importlib.machinery import PathFinder

from _cordon import door, errors

SITE = '/lib/python3.14/site-packages-run'
# Where Emscripten's dynamic linker looks for libraries that extension modules link to.
LIBRARIES = '/usr/lib'

# Of one run. Files of packages lie in memory: without a bound a small archive could fill it.
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_FILES = 50_000
WINDOW_BYTES = 2 * 1024 * 1024

# Names that only exist in other environments; a question about them would be asked in many runs for nothing.
_ELSEWHERE = frozenset({'js', 'pyodide', 'pyodide_js', 'sitecustomize', 'usercustomize'})
# Of the standard library, but a package of its own in Pyodide: the texts of help().
_UNBUNDLED = frozenset({'pydoc_data'})

_missing = {}
_loaded = set()
_unpacked = {'bytes': 0, 'files': 0}


def _unseen(function):
    """Python takes frames of this file name out of the traceback of an ImportError, as it does with its own."""
    function.__code__ = function.__code__.replace(co_filename='<frozen importlib._bootstrap>')
    return function


def install():
    """Makes `import` ask the host for what nothing else finds. For each run that starts anew."""
    _missing.clear()
    _loaded.clear()
    _unpacked.update(bytes=0, files=0)
    if SITE not in sys.path:
        sys.path.append(SITE)
    if PackageFinder not in sys.meta_path:
        sys.meta_path.append(PackageFinder)


class PackageFinder:
    @staticmethod
    @_unseen
    def find_spec(fullname, path=None, target=None):
        if path is not None or not _may_be_package(fullname):
            return None
        spec = None if fullname in _missing else _load(fullname)
        # Only an import statement gets the host's explanation: importlib.util.find_spec answers None for what is not
        # there, and a finder that the program added behind this one is asked next.
        if spec is None and sys.meta_path[-1] is PackageFinder:
            if sys._getframe(2).f_code.co_name == '_find_and_load_unlocked':
                raise ModuleNotFoundError(_missing[fullname], name=fullname)
        return spec


def _may_be_package(name):
    if '.' in name or name.startswith('_') or name in _ELSEWHERE:
        return False
    return name not in sys.stdlib_module_names or name in _UNBUNDLED


@_unseen
def _load(name):
    try:
        found, _ = door.ask('module.python', {'name': name, 'have': sorted(_loaded)})
        for distribution in found['distributions']:
            _unpack(distribution)
            _loaded.add(distribution['name'])
    except errors.CordonError as error:
        if error.code == 'ERR_MODULE_NOT_FOUND':
            _missing[name] = str(error)
            return None
        if error.code == 'ERR_PACKAGE':
            raise ImportError(str(error), name=name) from None
        raise
    if SITE not in sys.path:
        sys.path.append(SITE)
    _look_again()
    spec = PathFinder.find_spec(name)
    if spec is None:
        _missing[name] = f'No module named {name!r}. Its package is listed as having it, and it is not there.'
    return spec


def _look_again():
    """For new files only: importlib.invalidate_caches() reads the archive of the standard library again, for 30 ms."""
    for path in list(sys.path_importer_cache):
        if isinstance(path, str) and f'{path}/'.startswith(f'{SITE}/'):
            del sys.path_importer_cache[path]
    metadata = sys.modules.get('importlib.metadata')
    if metadata is not None:
        metadata.MetadataPathFinder.invalidate_caches()


@_unseen
def _unpack(distribution):
    """Writes the files of an archive. Errors: ImportError, after which none of them is there."""
    written = []
    try:
        with zipfile.ZipFile(io.BufferedReader(_RemoteFile(distribution), 65536)) as archive:
            places = [(member, _place(member, distribution)) for member in archive.infolist()]
            places = [(member, path) for member, path in places if path is not None]
            _count(places)
            for member, path in places:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                written.append(path)
                with archive.open(member) as source, open(path, 'wb') as file:
                    while chunk := source.read(1024 * 1024):
                        file.write(chunk)
    except BaseException as error:
        _remove(written)
        if isinstance(error, (MemoryError, errors.CordonError)) or not isinstance(error, Exception):
            raise
        message = f"the package {distribution['name']} cannot be unpacked: {error}"
        raise ImportError(message, name=distribution['name']) from None


def _place(member, distribution):
    """The path of a member; None for what is not unpacked: folders, scripts, headers and data for other places."""
    if member.is_dir():
        return None
    name = member.filename
    parts = name.split('/')
    kind = stat.S_IFMT(member.external_attr >> 16)
    if '\\' in name or any(part in ('', '.', '..') for part in parts) or kind not in (0, stat.S_IFREG):
        raise ValueError(f'{name!r} is not the name of a plain file inside the package')
    if distribution['installDir'] == 'dynlib':
        return f'{LIBRARIES}/{name}'
    if parts[0].endswith('.data'):
        if len(parts) < 3 or parts[1] not in ('purelib', 'platlib'):
            return None
        name = '/'.join(parts[2:])
    return f'{SITE}/{name}'


def _count(places):
    size = _unpacked['bytes'] + sum(member.file_size for member, _ in places)
    files = _unpacked['files'] + len(places)
    # zipfile reads no more of a member than the size that is declared, so declared sizes can be trusted here.
    if size > MAX_UNPACKED_BYTES:
        raise ValueError(f'one run may unpack {MAX_UNPACKED_BYTES} bytes of packages, and this makes {size}')
    if files > MAX_FILES:
        raise ValueError(f'one run may unpack {MAX_FILES} files of packages, and this makes {files}')
    _unpacked.update(bytes=size, files=files)


def _remove(paths):
    for path in paths:
        try:
            os.unlink(path)
        except OSError:
            pass


class _RemoteFile(io.RawIOBase):
    """A file of the host, read through one window: memory that a whole archive took would never be given back."""

    def __init__(self, distribution):
        self._name = distribution['fileName']
        self._size = distribution['bytes']
        self._at = 0
        self._start = 0
        self._window = b''

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            # As a file does: zipfile takes it as the sign of a file that is too short to be an archive.
            raise OSError(errno.EINVAL, 'negative position')
        self._at = base + offset
        return self._at

    def readinto(self, buffer):
        if self._at >= self._size:
            return 0
        if not self._start <= self._at < self._start + len(self._window):
            # Windows lie side by side: most archives are read with one question.
            start = self._at - self._at % WINDOW_BYTES
            length = min(WINDOW_BYTES, self._size - start)
            question = {'fileName': self._name, 'offset': start, 'length': length}
            _, window = door.ask('module.pythonFile', question)
            if len(window) != length:
                raise EOFError(f'{self._name} is shorter than {self._size} bytes')
            self._start, self._window = start, window
        begin = self._at - self._start
        part = memoryview(self._window)[begin : begin + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)
