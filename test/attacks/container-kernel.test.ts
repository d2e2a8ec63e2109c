/** What a program in a container tries on the kernel: system calls, namespaces, sockets, terminals. */
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';

const nothing = (name: string, code: string, more: Partial<Attack> = {}): Attack => ({
  name: `${name}: nothing gets through`,
  language: 'python',
  code,
  ends: 'succeeded',
  result: [],
  ...more,
});

/** Numbers of system calls by machine: those of x86_64, and those that all newer machines share. */
const SYSCALLS = `
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
first = platform.machine() == 'x86_64'
numbers = {name: of[0 if first else 1] for name, of in dict(
    mount=(165, 40), umount2=(166, 39), pivot_root=(155, 41), chroot=(161, 51), unshare=(272, 97), setns=(308, 268), clone=(56, 220),
    keyctl=(250, 219), add_key=(248, 217), request_key=(249, 218), bpf=(321, 280), perf_event_open=(298, 241),
    userfaultfd=(323, 282), process_vm_readv=(310, 270), process_vm_writev=(311, 271), kexec_load=(246, 104),
    init_module=(175, 105), finit_module=(313, 273), delete_module=(176, 106), reboot=(169, 142), swapon=(167, 224),
    swapoff=(168, 225), sethostname=(170, 161), setdomainname=(171, 162), settimeofday=(164, 170), clock_settime=(227, 112),
    open_by_handle_at=(304, 265), fanotify_init=(300, 262), quotactl=(179, 60), acct=(163, 89), syslog=(103, 116),
    vhangup=(153, 58), kcmp=(312, 272), lookup_dcookie=(212, 18), io_uring_setup=(425, 425), open_tree=(428, 428),
    move_mount=(429, 429), fsopen=(430, 430), fsconfig=(431, 431), fsmount=(432, 432), fspick=(433, 433),
    mount_setattr=(442, 442), move_pages=(279, 239), setuid=(105, 146), setgid=(106, 144), setresuid=(117, 147),
    setgroups=(116, 159), mknodat=(259, 33), personality=(135, 92), ptrace=(101, 117), clone3=(435, 435),
    nfsservctl=(180, 42), pidfd_getfd=(438, 438), sched_setscheduler=(144, 119), memfd_secret=(447, 447),
).items()}
def call(name, *args):
    """0 or more: it was done. Else the negative error number."""
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(numbers[name]), *(ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args))
    return done if done >= 0 else -ctypes.get_errno()
through = []
def tried(label, done):
    if done >= 0: through.append([label, done])
`;

const list: Attack[] = [
  nothing(
    'mounts of every kind',
    `${SYSCALLS}
os.makedirs('/workspace/m', exist_ok=True)
text = ctypes.c_char_p
for kind in ('tmpfs', 'proc', 'sysfs', 'cgroup', 'cgroup2', 'overlay', 'devtmpfs', 'bpf', 'debugfs', 'securityfs', 'fuse', 'ext4', 'mqueue'):
    tried('mount ' + kind, call('mount', text(kind.encode()), text(b'/workspace/m'), text(kind.encode()), 0, None))
    tried('fsopen ' + kind, call('fsopen', text(kind.encode()), 0))
for flags in (4096, 4096 | 16384, 1 << 19, 1 << 20, 32, 32 | 4096 | 1):
    tried(f'mount flags {flags}', call('mount', text(b'/'), text(b'/workspace/m'), None, flags, None))
    tried(f'remount {flags}', call('mount', None, text(b'/workspace'), None, flags, None))
for path in ('/workspace', '/proc', '/sys', '/tmp', '/run/cordon', '/dev', '/dev/shm', '/etc/hosts', '/'):
    tried('umount ' + path, call('umount2', text(path.encode()), 2))
tried('pivot_root', call('pivot_root', text(b'/workspace'), text(b'/workspace/m')))
tried('chroot', call('chroot', text(b'/workspace')))
tried('open_tree', call('open_tree', -100, text(b'/'), 1))
tried('move_mount', call('move_mount', -100, text(b'/tmp'), -100, text(b'/workspace/m'), 0))
tried('fspick', call('fspick', -100, text(b'/'), 0))
tried('mount_setattr', call('mount_setattr', -100, text(b'/workspace'), 0x8000, (ctypes.c_uint64 * 4)(0, 2, 0, 0), 32))
through`,
  ),
  nothing(
    'namespaces by unshare, setns, clone and clone3',
    `${SYSCALLS}
kinds = dict(user=0x10000000, mount=0x20000, pid=0x20000000, net=0x40000000, uts=0x4000000, ipc=0x8000000, cgroup=0x2000000, time=0x80)
for name, flag in kinds.items():
    for flags in {flag, flag | kinds['user']}:
        child = os.fork()
        if child == 0:
            os._exit(1 if call('unshare', flags) >= 0 else 0)
        if os.waitpid(child, 0)[1]: through.append('unshare ' + name)
        if name != 'time':
            made = call('clone', flags | 17, 0, 0, 0, 0)
            if made == 0: os._exit(0)
            tried('clone ' + name, made)
        made = call('clone3', (ctypes.c_uint64 * 8)(flags, 0, 0, 0, 17, 0, 0, 0), 64)
        if made == 0: os._exit(0)
        tried('clone3 ' + name, made)
for name in os.listdir('/proc/1/ns') if os.access('/proc/1/ns', os.R_OK | os.X_OK) else []: through.append('/proc/1/ns/' + name)
for name in os.listdir('/proc/self/ns'):
    fd = os.open('/proc/self/ns/' + name, os.O_RDONLY)
    tried('setns ' + name, call('setns', fd, 0))
through`,
    { underGvisor: 'namespaces are gVisor’s own there, as all that is in them' },
  ),
  nothing(
    'doors into the kernel: keyrings, bpf, perf, io_uring, userfaultfd, modules, kexec, handles',
    `${SYSCALLS}
buffer = ctypes.create_string_buffer(4096)
text = ctypes.c_char_p
for keyring in (-1, -2, -3, -4, -5): tried(f'keyctl {keyring}', call('keyctl', 0, keyring, 1))
tried('keyctl join', call('keyctl', 1, None))
tried('add_key', call('add_key', text(b'user'), text(b'evil'), text(b'evil'), 4, -4))
tried('request_key', call('request_key', text(b'user'), text(b'evil'), text(b'evil'), -4))
for command in range(0, 40): tried(f'bpf {command}', call('bpf', command, buffer, 128))
attributes = ctypes.create_string_buffer(b'\\x01\\0\\0\\0\\x70\\0\\0\\0', 128)
for pid, cpu in ((0, -1), (-1, 0), (1, -1)): tried(f'perf {pid}', call('perf_event_open', attributes, pid, cpu, -1, 0))
tried('io_uring', call('io_uring_setup', 8, buffer))
for flags in (0, 1, 0x800): tried(f'userfaultfd {flags}', call('userfaultfd', flags))
tried('init_module', call('init_module', buffer, 4096, text(b'')))
tried('finit_module', call('finit_module', 0, text(b''), 0))
tried('delete_module', call('delete_module', text(b'loop'), 0))
tried('kexec_load', call('kexec_load', 0, 0, None, 0))
tried('open_by_handle_at', call('open_by_handle_at', -100, ctypes.create_string_buffer(b'\\x08\\0\\0\\0\\x01\\0\\0\\0\\x02\\0\\0\\0\\0\\0\\0\\0', 64), 0))
tried('fanotify_init', call('fanotify_init', 0, 0))
tried('quotactl', call('quotactl', 0x80000102, text(b'/dev/sda'), 0, buffer))
tried('acct', call('acct', text(b'/workspace/acct')))
for kind in (2, 3, 4, 5, 6, 7, 8, 10): tried(f'syslog {kind}', call('syslog', kind, buffer, 4096))
tried('lookup_dcookie', call('lookup_dcookie', 0, buffer, 4096))
tried('nfsservctl', call('nfsservctl', 0, buffer, buffer))
tried('memfd_secret', call('memfd_secret', 0))
through`,
    { underGvisor: 'gVisor answers syslog with a log of its own' },
  ),
  nothing(
    'what only root may: users, clocks, names, power, swap, capabilities, priorities',
    `${SYSCALLS}
import fcntl, resource
text = ctypes.c_char_p
tried('setuid', call('setuid', 0)); tried('setgid', call('setgid', 0)); tried('setresuid', call('setresuid', 0, 0, 0))
tried('setgroups', call('setgroups', 1, (ctypes.c_uint32 * 1)(0)))
tried('sethostname', call('sethostname', text(b'evil'), 4)); tried('setdomainname', call('setdomainname', text(b'evil'), 4))
time = (ctypes.c_int64 * 2)(1, 0)
tried('settimeofday', call('settimeofday', time, None)); tried('clock_settime', call('clock_settime', 0, time))
for command in (0x1234567, 0x4321fedc, 0x89abcdef, 0xa1b2c3d4): tried('reboot', call('reboot', 0xfee1dead - (1 << 32), 672274793, command, None))
tried('swapoff', call('swapoff', text(b'/dev/sda'))); tried('swapon', call('swapon', text(b'/workspace/a'), 0)); tried('vhangup', call('vhangup'))
for policy, priority in ((1, 1), (2, 99), (6, 0)): tried(f'scheduler {policy}', call('sched_setscheduler', 0, policy, (ctypes.c_int32 * 1)(priority)))
def attempt(label, body):
    try: body()
    except (OSError, ValueError): return
    through.append(label)
attempt('nice', lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
attempt('nofile', lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (10_000, 10_000)))
attempt('core', lambda: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1)))
attempt('memlock', lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (-1, -1)))
attempt('rtprio', lambda: resource.setrlimit(resource.RLIMIT_RTPRIO, (1, 1)))
tried('ambient capability', libc.prctl(47, 2, 21, 0, 0))
def spared(text):
    with open('/proc/self/oom_score_adj', 'w') as file: file.write(text)
for text in ('-1', '-1000'): attempt('oom score ' + text, lambda: spared(text))
through`,
    { underGvisor: 'gVisor lets its guests lower the score of their own kernel’s processes' },
  ),
  nothing(
    'sockets that leave the container, of every family',
    `
import ctypes, os, socket
from cordon import input
through = []
port = input['port']
def connect(family, kind, address):
    with socket.socket(family, kind) as one:
        one.settimeout(2)
        one.connect(address)
        if kind == socket.SOCK_DGRAM: one.send(b'evil')
    through.append(repr(address))
for host in ('127.0.0.1', '172.17.0.1', '192.0.2.1', '169.254.169.254', '8.8.8.8', '10.0.0.1', '0.0.0.0', '255.255.255.255', '224.0.0.1'):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        if host == '0.0.0.0' or (host == '127.0.0.1' and kind == socket.SOCK_DGRAM): continue
        try: connect(socket.AF_INET, kind, (host, port))
        except OSError: pass
for host in ('::1', '2001:db8::1', '::ffff:127.0.0.1', 'fe80::1'):
    try: connect(socket.AF_INET6, socket.SOCK_STREAM, (host, port))
    except OSError: pass
families = dict(packet=17, alg=38, vsock=40, bluetooth=31, tipc=30, key=15, xdp=44, rds=21, can=29, ax25=3, ipx=4, appletalk=5, x25=9, llc=26, ib=27, smc=43, nfc=39, phonet=35, caif=37, qipcrtr=42, kcm=41, rxrpc=33, isdn=34)
for name, family in families.items():
    for kind in (1, 2, 3, 5):
        try: socket.socket(family, kind)
        except OSError: continue
        through.append([name, kind])
for family in (socket.AF_INET, socket.AF_INET6):
    for kind, protocol in ((socket.SOCK_RAW, 1), (socket.SOCK_RAW, 255), (socket.SOCK_RAW, 6), (10, 768)):
        try: socket.socket(family, kind, protocol)
        except OSError: continue
        through.append(['raw', family, kind])
for path in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock', '/run/dbus/system_bus_socket', '/run/systemd/private'):
    try: connect(socket.AF_UNIX, socket.SOCK_STREAM, path)
    except OSError: pass
for name in open('/proc/net/unix').read().split():
    if name.startswith('@'):
        try: connect(socket.AF_UNIX, socket.SOCK_STREAM, '\\0' + name[1:])
        except OSError: pass
through += [name for _, name in socket.if_nameindex() if name != 'lo']
through`,
    { limits: { wallMs: 40_000 }, underGvisor: 'gVisor has sockets of some more families, all of them its own' },
  ),
  nothing(
    'a terminal to push input into (TIOCSTI), the console, terminals of others',
    `
import fcntl, os, pty, termios
through = []
for path in ('/dev/tty', '/dev/console', '/dev/pts/0', '/proc/1/fd/0', '/dev/tty1'):
    try: fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    except OSError: continue
    try: fcntl.ioctl(fd, termios.TIOCSTI, b'e'); through.append(path)
    except OSError: pass
for fd in (0, 1, 2):
    try: fcntl.ioctl(fd, termios.TIOCSTI, b'e'); through.append(fd)
    except OSError: pass
through`,
  ),
];

containerAttacks('containers: the kernel', list, true);
