"""Where Cordon may not mount the workspace: its files are brought in before the program and back after it."""

import posix
import stat

from _cordon import places

_ROOT = '/workspace'
_PIECE = 1 << 20
_MOST_NOTES = 20


class Refused(Exception):
    """Cordon refused a call; `limit` is that of the run, if one was the reason."""

    def __init__(self, error):
        super().__init__(str(error.get('message', 'no reason given')))
        self.limit = error.get('limit')


class Carrier:
    def __init__(self, control, output):
        self._control = control
        self._output = output
        # What was there at the start: path below the workspace -> what _look answers.
        self._brought = {}
        self._notes = 0
        self._full = None

    def _call(self, op, args, data=b''):
        reply, body = self._control.call(op, args, data)
        if not reply.get('ok'):
            raise Refused(reply.get('error') or {})
        return reply.get('value'), body

    def _note(self, path, why):
        self._notes += 1
        if self._notes <= _MOST_NOTES:
            shown = path.encode('utf-8', 'replace').decode()
            self._output.send('stderr', f'[{_ROOT}/{shown} {why}]\n'.encode())

    def bring_in(self):
        """Makes the tree. Errors: Closed. What cannot be brought is told on stderr."""
        try:
            entries, _ = self._call('fs.readdir', {'path': _ROOT, 'recursive': True})
        except Refused as error:
            return self._note('', f'could not be listed: {error}')
        # Folders before what is in them.
        for entry in sorted(entries, key=lambda entry: entry['name']):
            path = entry['name']
            if self._control.stopped:
                return None
            try:
                if entry['type'] == 'directory':
                    posix.mkdir(f'{places.WORKSPACE}/{path}', 0o755)
                elif entry['type'] == 'file':
                    self._bring_file(path)
            except (OSError, Refused) as error:
                self._note(path, f'could not be brought into the container: {error}')
        self._brought = self._tree()
        return None

    def _bring_file(self, path):
        fd = posix.open(
            f'{places.WORKSPACE}/{path}', posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o644
        )
        try:
            at, size = 0, 1
            while at < size:
                args = {'path': f'{_ROOT}/{path}', 'offset': at, 'length': _PIECE, 'version': True}
                value, data = self._call('fs.readFile', args)
                size = value['bytes']
                if not data:
                    break
                at += len(data)
                left = memoryview(data)
                while left:
                    left = left[posix.write(fd, left) :]
            # Also what makes a change visible: the clock of a file system is too coarse to show one made at once.
            changed = int(value['modifiedAtMs']) * 1_000_000
            posix.utime(fd, ns=(changed, changed))
        finally:
            posix.close(fd)

    def _tree(self):
        """path -> ('folder',) or ('file', ctime, mtime, size), of regular files and folders. Nobody changes it now."""
        found, waiting = {}, ['']
        while waiting:
            folder = waiting.pop()
            try:
                names = posix.listdir(f'{places.WORKSPACE}/{folder}')
            except OSError as error:
                self._note(folder, f'could not be read: {error}')
                continue
            for name in sorted(names):
                path = f'{folder}/{name}' if folder else name
                look = _look(path)
                if look is not None:
                    found[path] = look
                    if look == _FOLDER:
                        waiting.append(path)
        return found

    def out(self):
        """Brings back what differs. Answers the limit that was in the way, or None. Errors: Closed."""
        before, after = self._brought, self._tree()
        gone = [path for path, look in before.items() if after.get(path, (None,))[0] != look[0]]
        for path in sorted(gone):
            if path.rpartition('/')[0] not in gone:
                self._try(path, 'fs.rm', {'path': f'{_ROOT}/{path}', 'recursive': True, 'force': True})
        for path in sorted(after):
            look = after[path]
            if look == before.get(path):
                continue
            if not _is_text(path):
                self._note(path, 'was not kept: its name is not UTF-8')
            elif look != _FOLDER:
                self._keep_file(path)
            elif path not in before:
                self._try(path, 'fs.mkdir', {'path': f'{_ROOT}/{path}', 'recursive': True})
        if self._notes > _MOST_NOTES:
            self._output.send('stderr', f'[{self._notes - _MOST_NOTES} more]\n'.encode())
        return self._full

    def _try(self, path, op, args, data=b''):
        try:
            self._call(op, args, data)
            return True
        except Refused as error:
            if error.limit in ('workspaceBytes', 'files'):
                self._full = self._full or error.limit
            self._note(path, f'was not kept: {error}')
            return False

    def _keep_file(self, path):
        """Piece by piece; a file that was not accepted whole is not left there in part."""
        try:
            fd = posix.open(f'{places.WORKSPACE}/{path}', posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC)
        except OSError as error:
            return self._note(path, f'was not kept: {error}')
        try:
            flag = 'w'
            while True:
                data = posix.read(fd, _PIECE)
                if not data and flag == 'a':
                    return None
                if not self._try(path, 'fs.writeFile', {'path': f'{_ROOT}/{path}', 'flag': flag}, data):
                    if flag == 'a':
                        self._try(path, 'fs.rm', {'path': f'{_ROOT}/{path}', 'force': True})
                    return None
                flag = 'a'
                if len(data) < _PIECE:
                    return None
        finally:
            posix.close(fd)


_FOLDER = ('folder',)


def _look(path):
    """What stands at a path below the workspace; None for what is neither a regular file nor a folder."""
    try:
        found = posix.lstat(f'{places.WORKSPACE}/{path}')
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):
        return _FOLDER
    return ('file', found.st_ctime_ns, found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


def _is_text(path):
    try:
        path.encode()
        return True
    except UnicodeEncodeError:
        return False
