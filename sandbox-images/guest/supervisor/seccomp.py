"""
System calls that the engine's default profile leaves open and no program of a run needs, refused with EPERM. The
filter is the supervisor's own and inherited by everything it starts (linux/seccomp.h, linux/filter.h; classic BPF).
"""

import posix

from guard import prctl

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_X32_BIT = 0x40000000

# By machine: its AUDIT_ARCH, and the column of the tables below.
_MACHINES = {'x86_64': (0xC000003E, 0), 'aarch64': (0xC00000B7, 1)}

# Parts of the kernel that are large, young, or hold what no cgroup counts.
_REFUSED = {
    'io_uring_setup': (425, 425),
    'io_uring_enter': (426, 426),
    'io_uring_register': (427, 427),
    'memfd_secret': (447, 447),
    'userfaultfd': (323, 282),
    'bpf': (321, 280),
    'perf_event_open': (298, 241),
    'add_key': (248, 217),
    'request_key': (249, 218),
    'keyctl': (250, 219),
}
_PRLIMIT = (302, 261)
_SOCKET = (41, 198)
# AF_ALG is the kernel's cryptography; AF_VSOCK leads to the machine's hypervisor and is in no network namespace.
_REFUSED_FAMILIES = (38, 40)


def _load(at):
    return 0x20, 0, 0, at


def _equal(value, then, otherwise):
    return 0x15, then, otherwise, value


def _at_least(value, then, otherwise):
    return 0x35, then, otherwise, value


def _answer(value):
    return 0x06, 0, 0, value


def _program(arch, column):
    # Numbers of another machine's calls mean other calls.
    program = [_load(_ARCH_AT), _equal(arch, 1, 0), _answer(_REFUSE), _load(_NUMBER_AT)]
    if column == 0:
        program += [_at_least(_X32_BIT, 0, 1), _answer(_REFUSE)]
    for numbers in _REFUSED.values():
        program += [_equal(numbers[column], 0, 1), _answer(_REFUSE)]
    # Limits of another process: the supervisor is one of the same user.
    program += [_equal(_PRLIMIT[column], 0, 4), _load(_FIRST_ARGUMENT_AT), _equal(0, 0, 1)]
    program += [_answer(_ALLOW), _answer(_REFUSE)]
    program += [_equal(_SOCKET[column], 0, 1 + len(_REFUSED_FAMILIES)), _load(_FIRST_ARGUMENT_AT)]
    for at, family in enumerate(_REFUSED_FAMILIES, 1):
        program += [_equal(family, len(_REFUSED_FAMILIES) - at + 1, 0)]
    return program + [_answer(_ALLOW), _answer(_REFUSE)]


def refuse_calls():
    """Whether the filter stands, for this process and all that it starts."""
    machine = _MACHINES.get(posix.uname().machine)
    if machine is None:
        return False
    program = _program(*machine)
    code = b''.join(
        op.to_bytes(2, 'little') + bytes((then, otherwise)) + value.to_bytes(4, 'little')
        for op, then, otherwise, value in program
    )
    # struct sock_fprog. The address of a bytes object's data is known in CPython: after its header.
    address = id(code) + bytes.__basicsize__ - 1
    given = len(program).to_bytes(8, 'little') + address.to_bytes(8, 'little')
    return prctl(_PR_SET_NO_NEW_PRIVS, 1) and prctl(_PR_SET_SECCOMP, _FILTER, given)
