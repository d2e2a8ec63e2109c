"""One run: `run` is called once in an interpreter that `prepare` made ready before its memory was saved."""

import os
import random
import sys
import tempfile

import cordon
from _cordon import door, end_text, ending, program, ready, streams, trace, waiting

WORKSPACE = '/workspace'
_result_bytes = 1 << 20


def prepare():
    """All that can be done before the memory snapshot is taken. Called once, and never in a run."""
    ready.prepare()


def begin():
    """The program, in an interpreter that is as fresh as a new one."""
    start = door.start()
    streams.renew()
    waiting.begin()
    random.seed()
    # tempfile takes its names from a generator of its own, which it seeds again for another process only.
    tempfile._name_sequence = None
    os.chdir(WORKSPACE)
    sys.argv = [start['path']]
    sys.orig_argv = ['python', start['path']]
    sys.path[:] = [WORKSPACE, *(entry for entry in sys.path if entry not in ('', WORKSPACE))]
    # Not importlib.invalidate_caches(): it reads the directory of the standard library's archive again, for 30 ms.
    sys.path_importer_cache.pop(WORKSPACE, None)
    cordon.input = start.get('input') if start.get('hasInput') else None
    return start


def outcome(start):
    """Runs the program; answers its end as JSON text."""
    limits = start.get('limits') or {}
    try:
        value = program.evaluate(start['path'], start['code'])
        ending.calm()
        return end_text.of_value(value, limits.get('resultBytes', _result_bytes))
    except BaseException as error:
        thrown = error
    ending.calm()
    try:
        return ending.of_exception(thrown)
    except MemoryError:
        # Its variables hold the memory that a description needs.
        trace.forget_frames(thrown)
        ending.release()
        return ending.of_exception(thrown)


def run():
    """One run. Never raises. No end is sent when the run could not begin, which is not the program's fault."""
    try:
        start = begin()
    except BaseException:
        return
    try:
        end = outcome(start)
    except MemoryError:
        end = end_text.out_of_memory
    except BaseException:
        end = end_text.lost
    for step in (ending.calm, streams.flush, lambda: door.end(end), ending.leave):
        for _ in range(3):
            try:
                step()
                break
            except BaseException:
                pass
