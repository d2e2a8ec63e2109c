"""What a run does not have, refused with the reason: processes, sockets, signals that end the process."""

import errno
import os
import posix
import signal
import socket
import subprocess

from _cordon.errors import EgressDenied


class ImmediateExit(BaseException):
    """os._exit: ends the run without handlers."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def no_processes(what):
    return PermissionError(
        errno.EPERM, f'{what}: a run in this driver has no other processes and no shell; the driver "container" has'
    )


def no_socket(host=None, port=None):
    where = '' if host is None else f' to {str(host)[:255]}' + ('' if port is None else f':{str(port)[:16]}')
    return EgressDenied(
        f'a socket{where} is refused: the egress policy of a run allows no sockets, only HTTP requests to hosts that '
        'the operator granted (urllib.request, http.client, requests)'
    )


def exit_now(status):
    """Exit without flushing what other code holds, and without handlers."""
    raise ImmediateExit(int(status) & 255)


def abort():
    """SIGABRT, as a shell reports it."""
    raise ImmediateExit(128 + 6)


def kill(pid, sig):
    """Only this process exists; a signal that would end it ends the run."""
    if pid not in (0, -1, posix.getpid()):
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
    if sig:
        raise_signal(sig)


_raise_signal = signal.raise_signal


def raise_signal(signalnum, /):
    """Send a signal to the executing process."""
    if signal.getsignal(signalnum) is signal.SIG_DFL and signalnum not in _harmless:
        raise ImmediateExit(128 + int(signalnum))
    if signalnum in (signal.SIGKILL, signal.SIGSTOP):
        raise ImmediateExit(128 + int(signalnum))
    return _raise_signal(signalnum)


_harmless = {signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT}


def _no_socket(*args, **kwargs):
    raise no_socket()


def _refused(name):
    def refused(*args, **kwargs):
        raise no_processes(name)

    refused.__name__ = refused.__qualname__ = name.rpartition('.')[2]
    return refused


class Socket(socket.socket):
    """A socket that no descriptor stands behind: everything that would reach out is refused."""

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        if fileno is not None:
            raise no_socket()
        self._io_refs = 0
        self._closed = False
        self._kind = (
            socket.AF_INET if family == -1 else family,
            socket.SOCK_STREAM if type == -1 else type,
            0 if proto == -1 else proto,
        )
        self._timeout = socket.getdefaulttimeout()
        self._options = {}

    family = property(lambda self: self._kind[0])
    type = property(lambda self: self._kind[1])
    proto = property(lambda self: self._kind[2])
    timeout = property(lambda self: self._timeout)

    def fileno(self):
        return -1

    def settimeout(self, value):
        self._timeout = value

    def gettimeout(self):
        return self._timeout

    def setblocking(self, flag):
        self._timeout = None if flag else 0.0

    def getblocking(self):
        return self._timeout != 0.0

    def setsockopt(self, level, optname, value, optlen=None):
        self._options[level, optname] = value

    def getsockopt(self, level, optname, buflen=0):
        return self._options.get((level, optname), 0)

    def close(self):
        self._closed = True

    def detach(self):
        self._closed = True
        return -1

    def shutdown(self, how):
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    getpeername = shutdown

    def getsockname(self):
        return ('0.0.0.0', 0)

    def connect(self, address):
        raise no_socket(*address[:2]) if isinstance(address, tuple) else no_socket(address)

    connect_ex = bind = connect

    def _refuse(self, *args, **kwargs):
        raise no_socket()

    listen = accept = send = sendall = sendmsg = sendfile = recv = recv_into = recvfrom = recvfrom_into = _refuse
    makefile = recvmsg = recvmsg_into = dup = _refuse

    def sendto(self, data, *address):
        raise no_socket(*address[-1][:2]) if isinstance(address[-1], tuple) else no_socket()

    def __del__(self):
        pass

    def __repr__(self):
        return f'<socket.socket family={self.family}, type={self.type}, proto={self.proto}>'


Socket.__name__ = Socket.__qualname__ = 'socket'
Socket.__module__ = 'socket'


def _no_name(host, *args, **kwargs):
    raise socket.gaierror(socket.EAI_FAIL, str(no_socket(host)))


def install():
    os._exit = posix._exit = exit_now
    os.abort = posix.abort = abort
    os.kill = posix.kill = kill
    os.killpg = posix.killpg = kill
    signal.raise_signal = raise_signal
    names = (
        'system popen fork forkpty execv execve execl execle execlp execlpe execvp execvpe spawnv spawnve spawnl '
        'spawnle spawnlp spawnlpe spawnvp spawnvpe posix_spawn posix_spawnp'
    ).split()
    for name in names:
        if hasattr(os, name):
            setattr(os, name, _refused(f'os.{name}'))
        if hasattr(posix, name):
            setattr(posix, name, _refused(f'os.{name}'))
    subprocess.Popen.__init__ = _refused('subprocess')
    subprocess.Popen.__del__ = lambda self: None
    socket.socket = socket.SocketType = Socket
    socket.socketpair = socket.fromfd = _no_socket
    for name in ('getaddrinfo', 'gethostbyname', 'gethostbyname_ex', 'gethostbyaddr', 'getnameinfo', 'getfqdn'):
        setattr(socket, name, _no_name)
    socket.gethostname = lambda: 'localhost'
