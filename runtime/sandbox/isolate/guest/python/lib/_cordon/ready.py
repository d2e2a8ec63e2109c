"""What is done before the snapshot is taken, so that no run has to: imports, patches, warm code."""

import gc
import importlib
import linecache
import os
import sys

from _cordon import ending, finder, loop, packages, program, refuse, result, streams, trace, waiting, web

# Modules that programs of agents import most.
_common = (
    'argparse array ast asyncio base64 binascii bisect calendar collections.abc concurrent.futures contextlib copy csv '
    'dataclasses datetime decimal difflib enum fractions functools glob hashlib heapq hmac html html.parser '
    'http.client inspect io itertools json logging math operator os pathlib pickle pprint queue random re secrets '
    'shutil statistics string struct tempfile textwrap threading time traceback types typing unicodedata '
    'urllib.error urllib.parse urllib.request uuid warnings weakref zipfile zlib zoneinfo'
).split()

_warm = '''
import asyncio, dataclasses, json, re
@dataclasses.dataclass
class Point:
    x: int = 1
async def main():
    await asyncio.sleep(0)
    return await asyncio.gather(main2(), main2())
async def main2():
    return f"{Point()!r}"
asyncio.run(main())
re.findall(r"\\d+", json.dumps({"a": [1, 2.5, None]}))
[Point(), {"a": (1, 2)}, {3}]
'''


def _environment():
    for name in list(os.environ):
        del os.environ[name]
    os.environ.update(HOME='/tmp', LANG='C.UTF-8', PATH='/usr/bin:/bin', PWD='/workspace', USER='agent')
    sys.executable = ''


def _leave_pyodide():
    """Takes out the way to Pyodide's JavaScript API, its hints about imports and its path finder for Windows."""
    from _pyodide import _importhook

    for finder in list(sys.meta_path):
        if finder is _importhook.WindowsToLinuxPathFinder:
            sys.meta_path.remove(finder)
    _importhook.REPODATA_PACKAGES_IMPORT_TO_PACKAGE_NAME = {}
    _importhook.add_note_to_module_not_found_error = lambda error: None
    _importhook.jsfinder.jsproxies.pop('pyodide_js', None)
    # pyodide.webloop and pyodide._package_loader keep theirs: a snapshot needs its references in their places.
    for name in [name for name in sys.modules if name.partition('.')[0] == 'pyodide_js']:
        del sys.modules[name]


def _exercise():
    """Runs each path of the harness once: code is specialised and caches are filled in the snapshot."""
    kept = sys.modules['__main__']
    waiting.begin()
    path = '/workspace/main.py'
    try:
        result.to_json(program.evaluate(path, _warm), 1 << 20)
        program.evaluate(path, 'import asyncio\nawait asyncio.sleep(0)\n1')
        try:
            program.evaluate(path, 'def f():\n    return 1 / 0\nf()')
        except ZeroDivisionError as error:
            trace.describe(error)
        try:
            program.evaluate(path, 'x = (')
        except SyntaxError as error:
            trace.describe(error)
    finally:
        sys.modules['__main__'] = kept
        linecache.clearcache()


def prepare():
    for name in _common:
        importlib.import_module(name)
    _environment()
    waiting.install()
    loop.install()
    _leave_pyodide()
    refuse.install()
    streams.install()
    web.install()
    finder.install()
    packages.install()
    sys.dont_write_bytecode = True
    _exercise()
    ending.in_snapshot = frozenset(sys.modules)
    gc.collect()
    # What is in the snapshot lives as long as the interpreter: no collection looks at it again.
    gc.freeze()
