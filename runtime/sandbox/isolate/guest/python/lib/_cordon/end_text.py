"""Ends of a run as JSON text: of a value, of an exit code, of an exception."""

import sys

from _cordon import display, door, late, result, streams, trace
from _cordon.text import is_a

_exit_code = SystemExit.__dict__['code'].__get__

out_of_memory = (
    '{"status":"limit_exceeded","error":{"name":"MemoryError","message":"The program ran out of memory (ramBytes)",'
    '"limit":"ramBytes"}}'
)
lost = (
    '{"status":"failed","error":{"name":"SystemError",'
    '"message":"The program broke functions of the interpreter that its end needs"}}'
)


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


def of_system_exit(error):
    """The end of a program that raised SystemExit, as CPython sees it."""
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
    if is_a(error, SystemExit):
        return of_system_exit(error)
    if sys.excepthook is not late.excepthook:
        try:
            sys.excepthook(type(error), error, trace.traceback_of(error))
        except BaseException:
            pass
    described = trace.describe(error)
    return _with_error('failed' if 'limit' not in described else 'limit_exceeded', described)
