"""Coroutines at the top of a program."""

from _cordon import late


def run(coroutine):
    """As asyncio.run: cancels the tasks that are left."""
    return late.asyncio.run(coroutine)


async def _settled(value):
    return await value


def settle(value):
    """What an awaitable at the end of the program comes to."""
    if isinstance(value, late.asyncio.Future):
        loop = value.get_loop()
        if value.done() or loop.is_closed():
            return value.result()
        return loop.run_until_complete(value)
    return run(_settled(value))
