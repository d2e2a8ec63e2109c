"""One run of Python, in the process that the supervisor started for it."""

import posix
import sys

from _cordon import first  # noqa: F401: it is enough to import it
from _cordon import door, ending, late, places, program, streams

_path = f'{places.WORKSPACE}/main.py'
_result_bytes = 1 << 20
_reserve_bytes = 8 << 20


def _begin():
    """The program's text, in an interpreter that looks as if it had been started for it."""
    code = door.of_run('main.py')
    streams.begin()
    sys.argv = [_path]
    sys.orig_argv = ['python3', _path]
    own = sys.path[0]
    sys.path[0] = places.WORKSPACE
    if own not in sys.path:
        sys.path.append(own)
    return code


def _outcome(code):
    """Runs the program; answers (value, None) or (None, what it raised)."""
    # Never touched, so it takes no memory; given up, it is room in which an end can be told.
    reserve = bytearray(_reserve_bytes)
    try:
        value, thrown = program.evaluate(_path, code), None
    except MemoryError as error:
        reserve = None
        value, thrown = None, error
        ending.forget_locals(error)
    except BaseException as error:
        value, thrown = None, error
    del reserve
    ending.join_threads()
    ending.calm()
    return value, thrown


def _described(value, thrown):
    """The end as JSON text."""
    if value is None and thrown is None:
        return '{"status":"succeeded"}'
    end_text = late.load('_cordon.end_text')
    if thrown is None:
        try:
            return end_text.of_value(value, door.limits().get('resultBytes', _result_bytes))
        except BaseException as error:
            thrown = error
            ending.calm()
    return end_text.of_exception(thrown)


def _told(end):
    """Whether Cordon has it. If not, the exit code has to say how the run ended."""
    try:
        ending.calm()
        streams.settle()
        streams.barrier.close()
        door.end(end)
        return True
    except BaseException:
        return False


def _exit_code(end):
    if end.startswith('{"status":"succeeded"'):
        return 0
    # `of_exit` writes the code before anything that a program decides.
    head, _, rest = end.partition(',"exitCode":')
    return int(rest.partition(',')[0]) if head == '{"status":"failed"' else 1


def _leave_child(thrown):
    """A copy of the process that ran to the end of the program: what it raised is for stderr, the end is not its."""
    if thrown is None:
        return 0
    if isinstance(thrown, SystemExit):
        raise thrown
    streams.error_text(late.load('_cordon.trace').describe(thrown).get('stack', '') + '\n')
    return 1


def run():
    """Answers the exit code of the process."""
    pid = posix.getpid()
    value, thrown = _outcome(_begin())
    if posix.getpid() != pid:
        return _leave_child(thrown)
    end = ending.lost
    # A second time with what an end may lack: memory, or the two descriptors of the barrier.
    for prepare in (ending.calm, streams.barrier.close):
        try:
            prepare()
            end = _described(value, thrown)
            break
        except MemoryError:
            ending.release(thrown)
            end = ending.out_of_memory
        except BaseException:
            pass
    for _ in range(3):
        if _told(end):
            break
    return _exit_code(end)
