"""Runs one module of CPython's own tests as an agent's program; what each test came to goes to standard output.

One line per fact: JSON between two record separators, since tests print, too. `at` names the test that is about to run:
the last one of a run that did not end by itself is what ended it.
"""

import importlib
import json
import linecache
import os
import re
import shutil
import sys
import unittest

from cordon import input as wanted

stdout = sys.stdout


def tell(**fact):
    stdout.write(f'\x1e{json.dumps(fact)}\x1e\n')
    stdout.flush()


def first_line(error):
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0] if lines else ""}'[:240]


def place(error):
    """The deepest line that raised, for a reader of the results."""
    step = error.__traceback__
    if step is None:
        return ''
    while step.tb_next is not None:
        step = step.tb_next
    return f'{os.path.basename(step.tb_frame.f_code.co_filename)}:{step.tb_lineno}'


def ignore_marks_of_others():
    """Copies of CPython's tests in other interpreters mark what those do not pass: "TODO: NAME". Here they do not count."""
    mark = re.compile(r'TODO: ?[A-Z]{4,}\b')

    def marked(reason=''):
        frame = sys._getframe(2)
        line, before = (linecache.getline(frame.f_code.co_filename, frame.f_lineno - n) for n in (0, 1))
        return mark.search(f'{reason} {line} {before if before.lstrip().startswith("#") else ""}')

    def leave(test):
        return test

    skip, skip_if, skip_unless, expected = unittest.skip, unittest.skipIf, unittest.skipUnless, unittest.expectedFailure
    unittest.skip = lambda reason: leave if type(reason) is str and marked(reason) else skip(reason)
    unittest.skipIf = lambda condition, reason: leave if marked(reason) else skip_if(condition, reason)
    unittest.skipUnless = lambda condition, reason: leave if marked(reason) else skip_unless(condition, reason)
    unittest.expectedFailure = lambda test: test if marked() else expected(test)
    # What only another interpreter's unittest has.
    unittest.expectedFailureIf = unittest.expectedFailureIfWindows = lambda *args, **options: leave


class Result(unittest.TestResult):
    """Tells each test's first bad news, or that it passed. A subtest is part of its test."""

    def __init__(self):
        super().__init__()
        self.ends = {}

    def startTest(self, test):
        super().startTest(test)
        tell(at=test.id())
        self.ends[test.id()] = ('passed', None, None)

    def stopTest(self, test):
        super().stopTest(test)
        self.say(test.id(), *self.ends.pop(test.id()))

    def say(self, name, status, why, where):
        tell(id=name, status=status, **({} if why is None else {'why': why}), **({'where': where} if where else {}))

    def note(self, test, status, why=None, where=None):
        name = test.id()
        if name not in self.ends:
            self.say(name, status, why, where)
        elif self.ends[name][0] in ('passed', 'skipped'):
            self.ends[name] = (status, why, where)

    def addFailure(self, test, error):
        self.note(test, 'failed', first_line(error[1]), place(error[1]))

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addFailure(test, error)

    def addSkip(self, test, reason):
        # A skipped subtest does not make its test a skipped one.
        if not hasattr(test, 'test_case'):
            self.note(test, 'skipped', str(reason)[:160])

    def addExpectedFailure(self, test, error):
        self.note(test, 'skipped', 'expected to fail in CPython, too')

    def addUnexpectedSuccess(self, test):
        self.note(test, 'failed', 'passed, though CPython expects it to fail')


def each(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each(test)
        else:
            yield test


def pruned(suite, left_out):
    kept = suite.__class__()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            kept.addTest(pruned(test, left_out))
        elif test.id().startswith(tuple(wanted['waiting'])):
            tell(id=test.id(), status='skipped', why='waits for ever for a second thread')
        elif test.id() not in left_out:
            kept.addTest(test)
    return kept


def main():
    name = wanted['module']
    folder = os.path.join(os.getcwd(), 'scratch', name)
    # What a test of an earlier module left may be large.
    shutil.rmtree(os.path.dirname(folder), ignore_errors=True)
    os.makedirs(folder)
    sys.path[0] = os.getcwd()
    os.chdir(folder)
    ignore_marks_of_others()
    try:
        from test import support

        # As `python -m test` has it: no network, no sound, nothing that needs much memory or time.
        support.use_resources = {}
        support.verbose = 0
        if name in wanted['withoutSockets']:
            support.has_socket_support = True
        suite = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(name))
    except unittest.SkipTest as reason:
        return tell(id=name, status='skipped', why=str(reason)[:160])
    except BaseException as error:
        return tell(id=name, status='failed', why=f'not loaded: {first_line(error)}', where=place(error))
    pruned(suite, set(wanted['leftOut'])).run(Result())
    tell(ended=True)


main()
