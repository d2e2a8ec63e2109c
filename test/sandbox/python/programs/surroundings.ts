import { ok, type PythonProgram } from './program.ts';

/** What a program prints, reads and finds around itself. */
export const surroundings: PythonProgram[] = [
  {
    name: 'both streams',
    code: 'import sys\nprint("a", end="")\nprint("b", file=sys.stderr)\nsys.stdout.buffer.write(b"c\\n")',
    expect: { ...ok, result: 2, stdout: /a|c/, stderr: 'b\n' },
  },
  {
    name: 'a lone surrogate in print',
    code: 'print("\\ud800")',
    expect: { ...ok, stdout: '\\ud800\n' },
  },
  {
    name: 'print into a closed or broken stdout',
    code: 'import sys\nsys.stdout.close()\nsys.stderr = None\n7',
    expect: { ...ok, result: 7 },
  },
  {
    name: 'a program that replaces stdout',
    code: 'import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")\nprint("x")',
    expect: { ...ok, stdout: 'x\n' },
  },
  {
    name: 'input() says where input is',
    code: 'name = input("Name? ")',
    expect: { status: 'failed', stdout: 'Name? ', error: { name: 'EOFError', message: /from cordon import input/ } },
  },
  {
    name: 'input() over a stdin of the program',
    code: 'import io, sys\nsys.stdin = io.StringIO("Ann\\n")\ninput()',
    expect: { ...ok, result: 'Ann' },
  },
  {
    name: 'stdin is at its end',
    code: 'import sys\n[sys.stdin.read(), list(sys.stdin)]',
    expect: { ...ok, result: ['', []] },
  },
  {
    name: 'the input of the run',
    code: 'from cordon import input\ninput["n"] + 1',
    input: { n: 1 },
    expect: { ...ok, result: 2 },
  },
  { name: 'no input is None', code: 'import cordon\ncordon.input is None', expect: { ...ok, result: true } },
  {
    name: '__main__ is the program',
    code: `import sys, pickle, os
class A: pass
[__name__, __file__, sys.argv, os.getcwd(), sys.path[0], "" in sys.path, sys.modules["__main__"].A is A,
 type(pickle.loads(pickle.dumps(A()))) is A]`,
    expect: {
      ...ok,
      result: ['__main__', '/workspace/main.py', ['/workspace/main.py'], '/workspace', '/workspace', false, true, true],
    },
  },
  {
    name: 'if __name__ == "__main__"',
    code: 'def main():\n    print("ran")\nif __name__ == "__main__":\n    main()',
    expect: { ...ok, stdout: 'ran\n' },
  },
  {
    name: 'the source can be inspected',
    code: 'import inspect\ndef f():\n    return 1  # one\ninspect.getsource(f)',
    expect: { ...ok, result: 'def f():\n    return 1  # one\n' },
  },
  {
    name: 'annotations from the future, in the last expression too',
    code: 'from __future__ import annotations\ndef f(x: Nowhere): pass\n[f.__annotations__["x"], (lambda: 1)()]',
    expect: { ...ok, result: ['Nowhere', 1] },
  },
  {
    name: 'modules of the workspace are imported',
    code: 'import helper\nhelper.twice(4)',
    files: { 'helper.py': 'def twice(n):\n    return n * 2\n' },
    expect: { ...ok, result: 8 },
  },
  {
    name: 'a file that is left open is written at the end',
    code: 'f = open("left.txt", "w")\nf.write("kept")',
    expect: { ...ok, result: 4 },
  },
  {
    name: 'finalizers run at the end',
    code: 'class A:\n    def __del__(self): print("gone")\na = A()',
    expect: { ...ok, stdout: 'gone\n' },
  },
  {
    name: 'subprocesses are refused with the reason',
    code: 'import subprocess\nsubprocess.run(["ls"])',
    expect: { status: 'failed', error: { name: 'PermissionError', message: /container/ } },
  },
  {
    name: 'a shell is refused with the reason',
    code: 'import os\nos.system("ls")',
    expect: { status: 'failed', error: { name: 'PermissionError', message: /os\.system.*container/ } },
  },
  {
    name: 'threads are refused with the reason',
    code: 'import threading\nthreading.Thread(target=print).start()',
    expect: { status: 'failed', error: { name: 'RuntimeError', message: /can't start new thread.*one thread/ } },
  },
  {
    name: 'a pool of threads runs its tasks in turn',
    code: `from concurrent.futures import ThreadPoolExecutor, as_completed
with ThreadPoolExecutor(4) as pool:
    inner = lambda n: pool.submit(pow, n, 2).result()
    a = list(pool.map(inner, range(3)))
    f = pool.submit(lambda: 1 / 0)
    [a, type(f.exception()).__name__, [d.result() for d in as_completed([pool.submit(abs, -1)])]]
[a, type(f.exception()).__name__]`,
    expect: { ...ok, result: [[0, 1, 4], 'ZeroDivisionError'] },
  },
];

/** The module cordon. */
export const cordonModule: PythonProgram[] = [
  {
    name: 'memory keeps, lists and deletes',
    code: `from cordon import memory
a = [memory.get("p/none"), memory.get("p/none", 5)]
r = memory.set("p/k", {"x": [1, None, "ü"]})
a += [memory.get("p/k"), isinstance(r, int), [e["key"] for e in memory.list("p/")], memory.delete("p/k"), memory.delete("p/k")]
a`,
    expect: { ...ok, result: [null, 5, { x: [1, null, 'ü'] }, true, ['p/k'], true, false] },
  },
  {
    name: 'revisions',
    code: `from cordon import memory, RevisionMismatch
r = memory.set("rev", 1, if_revision=None)
out = []
for options in ({"if_revision": None}, {"ifRevision": r + 100}):
    try: memory.set("rev", 2, **options)
    except RevisionMismatch as e: out.append(type(e).__module__)
s = memory.set("rev", 2, ifRevision=r, ttl_ms=60_000)
memory.delete("rev")
out + [s > r]`,
    expect: { ...ok, result: ['cordon', 'cordon', true] },
  },
  {
    name: 'memory refuses what JSON cannot keep',
    code: `from cordon import memory
def error(f, *a):
    try: f(*a)
    except Exception as e: return type(e).__name__
[error(memory.set, "k", {1, 2}), error(memory.set, "k", float("nan")), error(memory.set, "k", 2**60), error(memory.get, 5),
 error(memory.set, "k", ["1" * 40, 0.1234567890123456789])]`,
    expect: { ...ok, result: ['TypeError', 'ValueError', 'ValueError', 'TypeError', null] },
  },
  {
    name: 'display chooses',
    code: `from cordon import display
class H:
    def _repr_html_(self): return "<b>h</b>"
    def _repr_png_(self): return b"\\x89PNG"
    def _repr_latex_(self): raise ValueError
    def _repr_markdown_(self): return None
display(H()); display("text"); display({"a": 1}); display("<i>", mime="text/html"); display(b"<svg/>", mime="image/svg+xml")
display([1], mime="application/json"); display(b"\\x00", "image/png")`,
    expect: {
      ...ok,
      displays: [
        { mime: 'text/html', data: '<b>h</b>' },
        { mime: 'image/png', data: 'iVBORw==' },
        { mime: 'text/plain', data: 'text' },
        { mime: 'text/plain', data: "{'a': 1}" },
        { mime: 'text/html', data: '<i>' },
        { mime: 'image/svg+xml', data: '<svg/>' },
        { mime: 'application/json', data: '[1]' },
        { mime: 'image/png', data: 'AA==' },
      ],
    },
  },
  {
    name: 'display refuses what is no MIME type',
    code: 'from cordon import display\ndisplay(1, mime="html")',
    expect: { status: 'failed', error: { name: 'TypeError', message: /MIME type/ } },
  },
  {
    name: 'a result shows itself',
    code: 'class T:\n    def _repr_html_(self): return "<table>"\n    def __repr__(self): return "T"\nT()',
    expect: { ...ok, result: 'T', resultType: 'repr', displays: [{ mime: 'text/html', data: '<table>' }] },
  },
  {
    name: 'a bundle of representations',
    code: 'class T:\n    def _repr_mimebundle_(self, include=None, exclude=None): return {"text/plain": "t", "text/markdown": "# t"}\n    def __repr__(self): return "T"\nT()',
    expect: { ...ok, result: 'T', resultType: 'repr', displays: [{ mime: 'text/markdown', data: '# t' }] },
  },
  {
    name: 'a value that answers every name has no representation',
    code: 'from unittest.mock import MagicMock\nMagicMock(name="m")',
    expect: { ...ok, anyResult: true, resultType: 'repr', displays: [] },
  },
];
