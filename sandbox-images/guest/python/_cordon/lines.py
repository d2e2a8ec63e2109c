"""The lines of the program, for whoever shows them: no file of its name need exist."""

import sys


class _Watch:
    """Waits for the import of linecache, which would take 6 ms of every start, and puts the lines there."""

    def __init__(self, path, code):
        self._path, self._code = path, code

    def find_spec(self, fullname, path=None, target=None):
        if fullname != 'linecache':
            return None
        try:
            sys.meta_path.remove(self)
            for finder in sys.meta_path:
                spec = finder.find_spec(fullname, path, target)
                if spec is not None:
                    return self._with_lines(spec)
        except (AttributeError, ValueError):
            pass
        return None

    def _with_lines(self, spec):
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self.put(module)

        spec.loader.exec_module = exec_module
        return spec

    def put(self, linecache):
        code = self._code
        linecache.cache[self._path] = (len(code), None, code.splitlines(True), self._path)


def register(path, code):
    """Tracebacks, inspect.getsource and pdb read the program's lines from here."""
    watch = _Watch(path, code)
    if 'linecache' in sys.modules:
        watch.put(sys.modules['linecache'])
    else:
        sys.meta_path.insert(0, watch)
