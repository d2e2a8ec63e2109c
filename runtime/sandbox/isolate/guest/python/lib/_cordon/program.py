"""The program of a run: compiled as /workspace/main.py, run as __main__; its value is that of its last expression."""

import __future__
import _ast
import builtins
import sys
import types

from _cordon import lines, loop

_compile, _exec, _eval = compile, exec, eval
_parse_flags = _ast.PyCF_ONLY_AST | _ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_await = _ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_future_mask = 0
for _name in __future__.all_feature_names:
    _future_mask |= getattr(__future__, _name).compiler_flag
_CO_COROUTINE = 0x80


def fresh_main(path):
    """A __main__ as CPython makes it, so that pickle, dataclasses and typing find the program's names."""
    main = types.ModuleType('__main__')
    main.__file__ = path
    main.__builtins__ = builtins
    main.__spec__ = None
    main.__loader__ = None
    sys.modules['__main__'] = main
    return main


def compile_program(path, code):
    """(code of the body, code of the last expression or None). Raises SyntaxError."""
    try:
        tree = _compile(code, path, 'exec', _parse_flags, dont_inherit=True)
        last = None
        if tree.body and type(tree.body[-1]) is _ast.Expr:
            last = _ast.Expression(tree.body.pop().value)
        body = _compile(tree, path, 'exec', _await, dont_inherit=True)
        if last is not None:
            flags = _await | (body.co_flags & _future_mask)
            last = _compile(last, path, 'eval', flags, dont_inherit=True)
        return body, last
    except SyntaxError as error:
        # For a tree the compiler reads the line from the file of that name, which may be another text.
        text = code.splitlines(True)
        if error.filename == path and isinstance(error.lineno, int) and 0 < error.lineno <= len(text):
            error.text = text[error.lineno - 1]
        raise


async def _top_level(body, last, names):
    value = _eval(body, names)
    if body.co_flags & _CO_COROUTINE:
        await value
    if last is None:
        return None
    value = _eval(last, names)
    if last.co_flags & _CO_COROUTINE:
        value = await value
    return await value if is_awaitable(value) else value


def is_awaitable(value):
    return isinstance(value, types.CoroutineType) or hasattr(type(value), '__await__')


def evaluate(path, code):
    """Runs the program; answers its value, which is None when it has none. Raises what it raised."""
    lines.register(path, code)
    names = fresh_main(path).__dict__
    body, last = compile_program(path, code)
    if body.co_flags & _CO_COROUTINE or (last is not None and last.co_flags & _CO_COROUTINE):
        return loop.run(_top_level(body, last, names))
    _exec(body, names)
    if last is None:
        return None
    value = _eval(last, names)
    return loop.settle(value) if is_awaitable(value) else value
