"""Modules that only some programs need, imported when they are: together they would take 60 ms of every start."""

import importlib
import sys

excepthook = sys.excepthook
"""The one that the program finds."""

# Before the workspace is on it: a file of the program named re.py is not ours.
_path = list(sys.path)


def load(name):
    """The module of this name. From the standard library, unless the program has imported another one before."""
    if name not in sys.modules:
        given = sys.path[:]
        sys.path[:] = _path
        try:
            importlib.import_module(name)
        finally:
            sys.path[:] = given
    return sys.modules[name]


def __getattr__(name):
    if name in ('asyncio', 'dataclasses', 'traceback'):
        return load(name)
    raise AttributeError(name)
