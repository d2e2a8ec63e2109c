"""The lines of the program, for whoever shows them: no file of its name need exist."""

import linecache


def register(path, code):
    """Tracebacks, inspect.getsource and pdb read the program's lines from here."""
    linecache.cache[path] = (len(code), None, code.splitlines(True), path)
