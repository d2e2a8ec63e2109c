"""asyncio without descriptors: one loop whose select() waits through the host."""

import asyncio
import concurrent.futures.thread as pool
from asyncio import base_events, events, futures, runners, selector_events, tasks, unix_events
import selectors

from _cordon import waiting
from _cordon.refuse import no_processes, no_socket


class Selector(selectors._BaseSelectorImpl):
    """Nothing ever becomes ready: there are no sockets. What is left of select() is its timeout."""

    def select(self, timeout=None):
        # Nothing scheduled and nothing that could wake the loop: CPython would wait for ever, and wallMs ends it.
        waiting.pause(waiting.HOUR if timeout is None or timeout > waiting.HOUR else timeout)
        return []


class EventLoop(selector_events.BaseSelectorEventLoop):
    """The event loop of a run."""

    def __init__(self, selector=None):
        super().__init__(Selector())

    def _make_self_pipe(self):
        self._ssock = self._csock = None

    def _close_self_pipe(self):
        pass

    def run_in_executor(self, executor, func, *args):
        """Calls `func` at once, in this thread: there is no other."""
        if executor is not None and not isinstance(executor, pool.ThreadPoolExecutor):
            return super().run_in_executor(executor, func, *args)
        self._check_closed()
        future = self.create_future()
        try:
            result = func(*args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    def add_signal_handler(self, sig, callback, *args):
        raise NotImplementedError

    def remove_signal_handler(self, sig):
        raise NotImplementedError

    async def create_connection(self, protocol_factory, host=None, port=None, **options):
        raise no_socket(host, port)

    async def create_datagram_endpoint(self, protocol_factory, local_addr=None, remote_addr=None, **options):
        raise no_socket(*(remote_addr or local_addr or ()))

    async def create_server(self, protocol_factory, host=None, port=None, **options):
        raise no_socket(host, port)

    create_unix_connection = create_unix_server = create_server

    async def subprocess_exec(self, protocol_factory, *args, **options):
        raise no_processes('asyncio.create_subprocess_exec')

    async def subprocess_shell(self, protocol_factory, cmd, **options):
        raise no_processes('asyncio.create_subprocess_shell')


class EventLoopPolicy(events._BaseDefaultEventLoopPolicy):
    _loop_factory = EventLoop


def install():
    events._set_running_loop(None)
    events._event_loop_policy = EventLoopPolicy()
    asyncio.run = runners.run
    asyncio.EventLoop = asyncio.SelectorEventLoop = EventLoop
    unix_events.SelectorEventLoop = unix_events.EventLoop = unix_events._UnixSelectorEventLoop = EventLoop
    unix_events._DefaultEventLoopPolicy = EventLoopPolicy


def run(coroutine):
    """As asyncio.run: cancels the tasks that are left."""
    with runners.Runner(loop_factory=EventLoop) as runner:
        return runner.run(coroutine)


async def _settled(value):
    return await value


def settle(value):
    """What an awaitable at the end of the program comes to."""
    if isinstance(value, futures.Future):
        loop = value.get_loop()
        if value.done() or loop.is_closed():
            return value.result()
        return loop.run_until_complete(value)
    return run(_settled(value))
