"""How a run ends: the program can no longer reach into our functions, and leaves as an interpreter does."""

import atexit
import builtins
import gc
import sys

from _cordon import end_text, streams, trace
from _cordon.refuse import ImmediateExit
from _cordon.text import is_a

_recursion_limit = 1000
# Conversion of a nested result takes two frames a level.
_own_recursion_limit = 3000
_set_recursion_limit = sys.setrecursionlimit
_settrace, _setprofile, _monitoring = sys.settrace, sys.setprofile, sys.monitoring
_collect = gc.collect
_run_exit_functions = atexit._run_exitfuncs

_names = builtins.__dict__
_own_names = dict(_names)

# The modules that every run begins with.
in_snapshot = frozenset()


def calm():
    """Takes back what the program set that would run inside our own functions."""
    # Methods of a dict, whatever `len` or `range` are by now.
    _names.update(_own_names)
    for _ in range(5):
        try:
            _settrace(None)
            _setprofile(None)
            for tool in range(6):
                if _monitoring.get_tool(tool) is not None:
                    _monitoring.set_events(tool, 0)
            _set_recursion_limit(_own_recursion_limit)
            return
        except BaseException:
            pass


def of_exception(error):
    """The end of a program that raised. Raises only MemoryError."""
    return end_text.of_exit(error.args[0]) if is_a(error, ImmediateExit) else end_text.of_exception(error)


def leave():
    """What an interpreter does when it ends: exit functions, then finalizers, which write what open files hold."""
    for step in (_run_exit_functions, calm, streams.flush, release, streams.flush):
        try:
            step()
        except BaseException:
            pass


def release():
    """Lets go of the program's names and of those of its own modules."""
    for name, module in list(sys.modules.items()):
        if name not in in_snapshot or name == '__main__':
            if type(module) is type(sys) and trace.is_guest(str(module.__dict__.get('__file__') or '/lib/')):
                module.__dict__.clear()
    _collect()
