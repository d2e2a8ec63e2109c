"""What is done while the container is blank: nobody's yet."""

import posix

from _cordon import places

_FOLDER, _FILE = 0o700, 0o600


def copy_home(skeleton):
    """HOME as the image has it, writable. Errors: OSError."""
    _copy_folder(skeleton, places.HOME)


def _copy_folder(source, target):
    posix.mkdir(target, _FOLDER)
    with posix.scandir(source) as entries:
        for entry in entries:
            to = f'{target}/{entry.name}'
            if entry.is_symlink():
                posix.symlink(posix.readlink(entry.path), to)
            elif entry.is_dir():
                _copy_folder(entry.path, to)
            elif entry.is_file():
                _copy_file(entry.path, to)
    _keep_times(source, target)


def _copy_file(source, target):
    read = posix.open(source, posix.O_RDONLY | posix.O_CLOEXEC)
    write = posix.open(target, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, _FILE)
    while posix.sendfile(write, read, None, 1 << 20):
        pass
    posix.close(read)
    posix.close(write)
    _keep_times(source, target)


def _keep_times(source, target):
    """Caches compare them."""
    found = posix.stat(source)
    posix.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
