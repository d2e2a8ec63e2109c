"""The supervisor's life: one run from the blank container to its end."""

import posix

import blank
import guard
import program_files
import seccomp
from _cordon import places
from control import Closed, Control
from main_process import Pipes, spawn
from output import Output
from processes import how_ended, kill_all
from watch import Watch

# What is sent beyond outputBytes, so that Cordon sees that there is more and cuts at a whole character.
_MORE_OUTPUT = 1 << 16
_COULD_NOT_START = 127


def serve(root):
    """Never returns."""
    guard.ignore_signals()
    guard.no_core_files()
    wake = guard.wake_on_children()
    sacrifice = guard.Sacrifice()
    if posix.getpid() != 1:
        guard.prctl(guard.PR_SET_CHILD_SUBREAPER, 1)
    guard.prctl(guard.PR_SET_DUMPABLE, 0)
    if not seccomp.refuse_calls():
        leave('the filter of system calls cannot be installed\n')
    try:
        control = Control(places.DOOR)
    except OSError as error:
        leave(f'the door {places.DOOR} does not open: {error}\n')
    try:
        blank.copy_home(f'{root}/home')
        pipes = Pipes()
        control.send('{"t":"hello","version":2}')
        _run(control, root, pipes, wake, sacrifice)
        control.write_all()
        # The container's figures are read before it goes: Cordon ends it.
        control.wait_for_close()
    except Closed:
        pass
    finally:
        kill_all()
    leave('')


def _run(control, root, pipes, wake, sacrifice):
    start, _ = control.wait()
    if start['t'] == 'stop':
        return control.send('{"t":"ended"}')
    limits = start['limits']
    output = Output(control, limits['outputBytes'] + _MORE_OUTPUT)
    carried = _carry_in(control, output) if start.get('carry') else None
    if control.stopped:
        return control.send('{"t":"ended"}')
    try:
        program_files.write(start, pipes.names)
        forwarder = _forwarder(start)
        main = spawn(start, root, pipes, sacrifice)
    except OSError as error:
        output.send('stderr', f'The program could not be started: {error}\n'.encode())
        return control.send(f'{{"t":"ended","exitCode":{_COULD_NOT_START}}}')
    del start
    watch = Watch(control, output, pipes, wake, main, forwarder)
    watch.run()
    full = what_is_full()
    if carried is not None:
        full = carried.out() or full
    ended = '' if watch.status is None else how_ended(watch.status)
    more = '' if full is None else f',"full":"{full}"'
    control.send(f'{{"t":"ended"{ended}{more}}}')


def _forwarder(start):
    """None: this run may call nothing. Errors: OSError."""
    if start.get('caPem') is None:
        return None
    from forward import Forwarder

    return Forwarder()


def _carry_in(control, output):
    from carry import Carrier

    carrier = Carrier(control, output)
    carrier.bring_in()
    return carrier


def what_is_full():
    """The limit that the workspace's file system is at; `tmp` when it is another that programs can fill; or None."""
    others = (places.TEMPORARY, places.SHARED_MEMORY)
    return _full_at(places.WORKSPACE) or ('tmp' if any(map(_full_at, others)) else None)


def _full_at(path):
    try:
        found = posix.statvfs(path)
    except OSError:
        return None
    if found.f_bavail < 2:
        return 'workspaceBytes'
    return 'files' if found.f_files and not found.f_favail else None


def leave(message):
    """Ends the process at once: nothing of the interpreter's own end is of use."""
    if message:
        posix.write(2, message.encode())
    posix._exit(1 if message else 0)
