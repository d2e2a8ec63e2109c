"""How a run ends: the program can no longer reach into our functions, and its end is told before its process exits."""

import builtins
import sys

_set_recursion_limit = sys.setrecursionlimit
_settrace, _setprofile = sys.settrace, sys.setprofile
_monitoring = getattr(sys, 'monitoring', None)
# Conversion of a nested result takes two frames a level.
_own_recursion_limit = 3000

out_of_memory = (
    '{"status":"limit_exceeded","error":{"name":"MemoryError","message":"The program ran out of memory (ramBytes)",'
    '"limit":"ramBytes"}}'
)
lost = '{"status":"failed","error":{"name":"SystemError","message":"The program broke what its end needs"}}'

_names = builtins.__dict__
_own_names = dict(_names)


def calm():
    """Takes back what the program set that would run inside our own functions."""
    # Methods of a dict, whatever `len` or `range` are by now.
    _names.update(_own_names)
    for _ in range(5):
        try:
            _settrace(None)
            _setprofile(None)
            if _monitoring is not None:
                for tool in range(6):
                    if _monitoring.get_tool(tool) is not None:
                        _monitoring.set_events(tool, 0)
            _set_recursion_limit(_own_recursion_limit)
            return
        except BaseException:
            pass


def join_threads():
    """A program is over when its threads are, daemons apart. As the interpreter does it at its own end."""
    threading = sys.modules.get('threading')
    if threading is not None:
        try:
            threading._shutdown()
        except BaseException:
            pass


def forget_locals(error):
    """Lets go of what the frames of an exception hold, and allocates nothing for it."""
    tb = error.__traceback__
    while tb is not None:
        try:
            tb.tb_frame.clear()
        except RuntimeError:
            # It is still running.
            pass
        tb = tb.tb_next


def release(error):
    """Lets go of all that the program holds: its names, and the frames of what it raised."""
    sys.modules['__main__'].__dict__.clear()
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__context__
