"""time.sleep that gives the turn back, and what else would wait or start a thread."""

import _thread
import concurrent.futures.thread as pool
import operator
import queue
import select
import threading
import time

from _cordon import door

_longest = 9223372036.0
HOUR = 3600.0


_monotonic_ns = time.monotonic_ns
# Nanoseconds of the monotonic clock when the run began, and those that it spent waiting since.
_clock = {'began': 0, 'waited': 0}


def begin():
    _clock.update(began=_monotonic_ns(), waited=0)


def pause(seconds):
    """Waits; `seconds` is a float that is not negative."""
    if seconds > 0:
        before = _monotonic_ns()
        door.ask('sleep', f'{{"ms":{seconds * 1000!r}}}')
        _clock['waited'] += _monotonic_ns() - before


def process_time_ns():
    """process_time_ns() -> int

    Process time for profiling as nanoseconds: the time since the program began without the time that it slept."""
    return _monotonic_ns() - _clock['began'] - _clock['waited']


def process_time():
    """process_time() -> float

    Process time for profiling: the time since the program began without the time that it slept."""
    return process_time_ns() / 1e9


def sleep(seconds, /):
    """sleep(seconds)

    Delay execution for a given number of seconds.  The argument may be
    a floating-point number for subsecond precision."""
    if isinstance(seconds, float):
        if seconds != seconds:
            raise ValueError('Invalid value NaN (not a number)')
        length = float.__float__(seconds)
    else:
        length = operator.index(seconds)
    if length > _longest or length < -_longest:
        raise OverflowError('timestamp out of range for platform time_t')
    if length < 0:
        raise ValueError('sleep length must be non-negative')
    pause(float(length))


class _Waiter:
    """The lock on which a Condition waits. No other thread can release it: only time passes."""

    __slots__ = ('_held',)

    def __init__(self):
        self._held = False

    def acquire(self, blocking=True, timeout=-1):
        if self._held and blocking:
            if timeout > 0:
                pause(timeout)
            while self._held and timeout < 0:
                pause(HOUR)
        taken = not self._held
        self._held = True
        return taken

    def release(self):
        if not self._held:
            raise RuntimeError('release unlocked lock')
        self._held = False

    def locked(self):
        return self._held


_select = select.select


def select_(rlist, wlist, xlist, timeout=None, /):
    """select() that really waits when it is used as a sleep."""
    if timeout and not (rlist or wlist or xlist):
        sleep(timeout)
        return [], [], []
    return _select(rlist, wlist, xlist, timeout)


_no_threads = (
    "can't start new thread: a run has one thread; asyncio, concurrent.futures.ThreadPoolExecutor (which runs each "
    'task at once, in turn) or the driver "container" do the work'
)


def _no_thread(*args, **kwargs):
    raise RuntimeError(_no_threads)


_submit = pool.ThreadPoolExecutor.submit


def submit(self, fn, /, *args, **kwargs):
    """ThreadPoolExecutor.submit: the call has been made, here, when this returns its future."""
    future = _submit(self, fn, *args, **kwargs)
    context = self.__dict__.get('_cordon_context')
    if context is None:
        context = self._cordon_context = self._create_worker_context()
        try:
            context.initialize()
        except BaseException:
            self._initializer_failed()
            return future
    while True:
        try:
            item = self._work_queue.get_nowait()
        except queue.Empty:
            return future
        if item is not None:
            item.run(context)


def _no_more_threads(self):
    pass


def install():
    time.sleep = sleep
    time.process_time, time.process_time_ns = process_time, process_time_ns
    time.thread_time, time.thread_time_ns = process_time, process_time_ns
    select.select = select_
    threading._allocate_lock = _Waiter
    _thread.start_new_thread = _thread.start_new = _no_thread
    _thread.start_joinable_thread = threading._start_joinable_thread = _no_thread
    pool.ThreadPoolExecutor.submit = submit
    pool.ThreadPoolExecutor._adjust_thread_count = _no_more_threads
