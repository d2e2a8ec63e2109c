import { ok, type PythonProgram } from './program.ts';

/** Waiting, asyncio and the network. */
export const waiting: PythonProgram[] = [
  {
    name: 'time.sleep waits',
    code: 'import time\nt = time.monotonic()\ntime.sleep(0.05)\ntime.monotonic() - t >= 0.045',
    expect: { ...ok, result: true },
  },
  {
    name: 'waiting for an event or a queue is sleeping',
    code: `import queue, threading, time
t, c = time.monotonic(), time.process_time()
out = [threading.Event().wait(0.1)]
try: queue.Queue().get(timeout=0.1)
except queue.Empty: out.append("empty")
out + [time.monotonic() - t >= 0.19]`,
    expect: { ...ok, result: [false, 'empty', true] },
  },
  {
    name: 'select() as a sleep',
    code: 'import select, time\nt = time.monotonic()\nselect.select([], [], [], 0.05)\ntime.monotonic() - t >= 0.045',
    expect: { ...ok, result: true },
  },
  {
    name: 'an error of a task that nobody awaited is told on stderr',
    code: 'import asyncio\nasync def bad(): raise ValueError("lost")\nasync def main():\n    asyncio.create_task(bad())\n    await asyncio.sleep(0.001)\nasyncio.run(main())',
    expect: { ...ok, stderr: /Task exception was never retrieved[\s\S]*ValueError: lost/ },
  },
  {
    name: 'a program that closes all descriptors can still ask and end',
    code: 'import os\nfrom cordon import memory\nos.closerange(0, 256)\n[memory.get("k", 1), memory.get("k", 2)]',
    expect: { ...ok, result: [1, 2] },
  },
  {
    name: 'time.sleep checks as CPython does',
    code: `import time
def error(x):
    try: time.sleep(x)
    except Exception as e: return type(e).__name__
[error(-1), error("1"), error(float("nan")), error(float("inf")), error(0), error(True and 0)]`,
    expect: { ...ok, result: ['ValueError', 'TypeError', 'ValueError', 'OverflowError', null, null] },
  },
  {
    name: 'await at the top',
    code: 'import asyncio\nx = await asyncio.sleep(0.01, 5)\nx + 1',
    expect: { ...ok, result: 6 },
  },
  {
    name: 'asyncio.run waits for all at the same time',
    code: `import asyncio, time
async def main():
    t = time.monotonic()
    got = await asyncio.gather(*(asyncio.sleep(0.5, n) for n in range(5)))
    return [got, time.monotonic() - t < 2]
asyncio.run(main())`,
    expect: { ...ok, result: [[0, 1, 2, 3, 4], true] },
  },
  {
    name: 'wait_for, queues, timeouts and groups',
    code: `import asyncio
async def main():
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.01)
    except TimeoutError:
        out = ["late"]
    q = asyncio.Queue()
    async def put():
        for n in range(3):
            await asyncio.sleep(0.001)
            await q.put(n)
    async with asyncio.TaskGroup() as g:
        g.create_task(put())
        for _ in range(3):
            out.append(await q.get())
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        out.append("late")
    return out
asyncio.run(main())`,
    expect: { ...ok, result: ['late', 0, 1, 2, 'late'] },
  },
  {
    name: 'to_thread and run_in_executor run in turn',
    code: `import asyncio
async def main():
    loop = asyncio.get_running_loop()
    return [await asyncio.to_thread(pow, 2, 3), await loop.run_in_executor(None, abs, -4)]
asyncio.run(main())`,
    expect: { ...ok, result: [8, 4] },
  },
  {
    name: 'a loop of the program',
    code: 'import asyncio\nloop = asyncio.new_event_loop()\nasync def f(): return 3\nr = loop.run_until_complete(f())\nloop.close()\nr',
    expect: { ...ok, result: 3 },
  },
  {
    name: 'asyncio.run inside a running loop fails as in CPython',
    code: 'import asyncio\nasync def f():\n    g = asyncio.sleep(0)\n    try: asyncio.run(g)\n    finally: g.close()\nasyncio.run(f())',
    expect: {
      status: 'failed',
      error: { name: 'RuntimeError', message: 'asyncio.run() cannot be called from a running event loop' },
    },
  },
  {
    name: 'tasks that are left are cancelled, as by asyncio.run',
    code: `import asyncio
async def back():
    try: await asyncio.sleep(60)
    finally: print("cancelled")
t = asyncio.create_task(back())
await asyncio.sleep(0)
1`,
    expect: { ...ok, result: 1, stdout: 'cancelled\n' },
  },
  {
    name: 'urlopen names the policy',
    code: 'import urllib.request\nurllib.request.urlopen("https://example.com/a")',
    expect: {
      status: 'failed',
      error: { name: 'URLError', message: /egress policy .* allows no call to https:\/\/example\.com/ },
    },
  },
  {
    name: 'http.client names the policy',
    code: 'import http.client\nc = http.client.HTTPSConnection("example.com")\nc.request("GET", "/")',
    expect: {
      status: 'failed',
      error: { name: 'EgressDenied', message: /^the egress policy .* allows no call to https:\/\/example\.com/ },
    },
  },
  {
    name: 'EgressDenied is an OSError of cordon',
    code: 'import cordon\nfrom pyodide.http import pyfetch\ntry:\n    await pyfetch("https://a.test/")\nexcept OSError as e:\n    r = [isinstance(e, cordon.EgressDenied), isinstance(e, PermissionError), str(e)[:15]]\nr',
    expect: { ...ok, result: [true, true, 'the egress poli'] },
  },
  {
    name: 'sockets are refused with the reason',
    code: 'import socket\ns = socket.socket()\ns.settimeout(1)\ntry:\n    s.connect(("127.0.0.1", 22))\nexcept OSError as e:\n    r = str(e)\ns.close()\nr',
    expect: {
      ...ok,
      result:
        'a socket to 127.0.0.1:22 is refused: the egress policy of a run allows no sockets, only HTTP requests to hosts that the operator granted (urllib.request, http.client, requests)',
    },
  },
  {
    name: 'names are not resolved',
    code: 'import socket\nsocket.create_connection(("example.com", 80))',
    expect: { status: 'failed', error: { name: 'gaierror', message: /example\.com.*policy/ } },
  },
];
