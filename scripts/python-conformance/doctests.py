"""The examples in the docstrings of modules of the standard library, run as an agent's program. Output: as unittests.py."""

import doctest
import importlib
import json
import os
import sys

from cordon import input as wanted

stdout = sys.stdout


def tell(**fact):
    stdout.write(f'\x1e{json.dumps(fact)}\x1e\n')
    stdout.flush()


class Runner(doctest.DocTestRunner):
    """Keeps the examples that did not do what is written there."""

    def __init__(self):
        super().__init__(verbose=False, optionflags=0)
        self.bad = []

    def report_failure(self, out, test, example, got):
        self.bad.append((test.name, example.source.strip(), f'got {got.strip()!r}'))

    def report_unexpected_exception(self, out, test, example, info):
        self.bad.append((test.name, example.source.strip(), f'{info[0].__name__}: {str(info[1])[:120]}'))


def check(name):
    try:
        module = importlib.import_module(name)
    except BaseException as error:
        return tell(module=name, why=f'{type(error).__name__}: {error}'[:200])
    runner = Runner()
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(test, out=lambda text: None)
    failures = [{'at': at, 'example': example[:160], 'why': why[:200]} for at, example, why in runner.bad]
    tell(module=name, attempted=runner.tries, failed=runner.failures, skipped=runner.skips, failures=failures)


folder = os.path.join(os.getcwd(), 'scratch')
os.makedirs(folder, exist_ok=True)
os.chdir(folder)
# An example of importlib.metadata lists the current folder and wants to find something.
open('something', 'w').close()
for name in wanted['modules']:
    tell(at=name)
    check(name)
tell(ended=True)
