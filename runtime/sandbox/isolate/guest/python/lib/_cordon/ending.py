"""How a run ends: its value, its error or its exit code, as JSON text for the host."""

import atexit
import builtins
import gc
import signal
import sys

from _cordon import display, door, result, streams, trace
from _cordon.refuse import ImmediateExit
from _cordon.text import is_a

_recursion_limit = 1000
# Conversion of a nested result takes two frames a level.
_own_recursion_limit = 3000
_set_recursion_limit = sys.setrecursionlimit
_settrace, _setprofile, _monitoring = sys.settrace, sys.setprofile, sys.monitoring
_exit_code = SystemExit.__dict__['code'].__get__
_excepthook = sys.excepthook
_collect = gc.collect
_run_exit_functions = atexit._run_exitfuncs

_names = builtins.__dict__
_own_names = dict(_names)

# The modules that every run begins with.
in_snapshot = frozenset()

out_of_memory = (
    '{"status":"limit_exceeded","error":{"name":"MemoryError","message":"The program ran out of memory (ramBytes)",'
    '"limit":"ramBytes"}}'
)
lost = (
    '{"status":"failed","error":{"name":"SystemError",'
    '"message":"The program broke functions of the interpreter that its end needs"}}'
)


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


def _with_error(status, described, more=''):
    error = ','.join(f'{door.quote(name)}:{door.quote(text)}' for name, text in described.items())
    return f'{{"status":"{status}"{more},"error":{{{error}}}}}'


def of_value(value, result_bytes):
    """The end of a program that came to its end."""
    if value is None:
        return '{"status":"succeeded"}'
    try:
        text, kind = result.to_json(value, result_bytes)
    except result.TooLarge:
        message = f'The result is larger than resultBytes ({result_bytes})'
        return _with_error('limit_exceeded', {'name': 'LimitExceeded', 'message': message, 'limit': 'resultBytes'})
    finally:
        display.of_result(value)
    kind = '' if kind is None else f',"resultType":{door.quote(kind)}'
    return f'{{"status":"succeeded","result":{text}{kind}}}'


def of_exit(code):
    """As a shell sees an exit code."""
    if code == 0:
        return '{"status":"succeeded","exitCode":0}'
    described = {'name': 'ExitCode', 'message': f'The program ended with exit code {code}'}
    return _with_error('failed', described, f',"exitCode":{code}')


def _of_system_exit(error):
    code = _exit_code(error)
    if code is None:
        return of_exit(0)
    if is_a(code, int):
        whole = int.__int__(code)
        return of_exit(whole & 255 if -(2**63) <= whole < 2**63 else 255)
    streams.error_text(f'{trace.message_of(code)}\n')
    return of_exit(1)


def of_exception(error):
    """The end of a program that raised. Raises only MemoryError."""
    if is_a(error, ImmediateExit):
        return of_exit(error.args[0])
    if is_a(error, SystemExit):
        return _of_system_exit(error)
    if sys.excepthook is not _excepthook:
        try:
            sys.excepthook(type(error), error, trace.traceback_of(error))
        except BaseException:
            pass
    described = trace.describe(error)
    return _with_error('failed' if 'limit' not in described else 'limit_exceeded', described)


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
