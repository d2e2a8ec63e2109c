/** Files through which a program in a container looks for the kernel and the host: /proc, /sys, devices, the image. */
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

const OLD_GVISOR = 'statx, which Debian’s runsc does not know, is what os.walk and open begin with';

/** All of /proc and /sys that a guest does not own by being a process. */
const KERNEL_FILES = `
def kernel_files():
    for top in ('/proc', '/sys'):
        for folder, folders, names in os.walk(top):
            if folder == '/proc': folders[:] = [name for name in folders if not name.isdigit() and name not in ('self', 'thread-self')]
            for name in names: yield os.path.join(folder, name)
`;

const list: Attack[] = [
  nothing(
    'files of /proc and /sys opened for writing, all that there are',
    `
import os
${KERNEL_FILES}
through = []
count = 0
# What the engine hides is a /dev/null.
hidden = os.stat('/dev/null').st_rdev
for path in kernel_files():
    count += 1
    try: fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError: continue
    if os.fstat(fd).st_rdev != hidden: through.append(path)
    os.close(fd)
if count < 100: through.append(f'only {count} files were looked at')
through`,
    { limits: { wallMs: 60_000, cpuMs: 20_000 }, underGvisor: OLD_GVISOR },
  ),
  nothing(
    'secrets of the kernel and the host in /proc, /sys and /dev',
    String.raw`
import os
through = []
for path in ('/proc/kcore', '/proc/kmem', '/dev/mem', '/dev/kmem', '/dev/port', '/dev/kmsg', '/proc/kmsg', '/proc/keys', '/proc/key-users', '/proc/timer_list', '/proc/sched_debug', '/proc/latency_stats', '/proc/sysrq-trigger',
             '/sys/firmware/efi', '/sys/firmware/dmi/tables/DMI', '/sys/kernel/debug/sched', '/sys/kernel/security/apparmor', '/sys/kernel/tracing/trace', '/sys/kernel/vmcoreinfo',
             '/dev/sda', '/dev/vda', '/dev/nvme0n1', '/dev/loop0', '/dev/loop-control', '/dev/fuse', '/dev/kvm', '/dev/net/tun', '/dev/vhost-vsock', '/dev/vsock', '/dev/tty0', '/dev/console', '/dev/rtc0', '/dev/snapshot', '/dev/cuse', '/dev/btrfs-control', '/dev/mapper/control', '/dev/input/event0', '/dev/dri/card0'):
    try:
        with open(path, 'rb') as file:
            if file.read(16): through.append(path)
    except OSError: pass
known = set('null zero full random urandom tty console ptmx pts shm mqueue core fd stdin stdout stderr'.split())
through += [f'/dev/{name}' for name in os.listdir('/dev') if name not in known]
addresses = {line.split()[0].strip('0') for line in open('/proc/kallsyms')} if os.path.exists('/proc/kallsyms') else set()
if addresses - {''}: through.append('addresses of the kernel')
through`,
    { underGvisor: 'gVisor has devices of its own under such names' },
  ),
  nothing(
    'writes to core_pattern, release_agent, uevent_helper, modprobe, binfmt_misc, cgroups and the like',
    `
import glob, os
through = []
paths = ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', '/proc/sys/kernel/hostname', '/proc/sys/kernel/hotplug', '/proc/sys/vm/overcommit_memory', '/proc/sys/vm/drop_caches',
  '/proc/sys/fs/binfmt_misc/register', '/proc/sysrq-trigger', '/sys/kernel/uevent_helper', '/sys/power/state', '/sys/kernel/mm/ksm/run', '/proc/1/oom_score_adj', '/proc/1/comm', '/proc/1/clear_refs',
  '/proc/self/uid_map', '/proc/self/gid_map', '/proc/self/setgroups', '/proc/self/attr/current', '/proc/self/attr/exec',
  *glob.glob('/sys/fs/cgroup/**/release_agent', recursive=True), *glob.glob('/sys/fs/cgroup/**/notify_on_release', recursive=True), *glob.glob('/sys/fs/cgroup/**/cgroup.procs', recursive=True),
  *glob.glob('/sys/fs/cgroup/**/memory.limit_in_bytes', recursive=True), *glob.glob('/sys/fs/cgroup/**/memory.max', recursive=True), *glob.glob('/sys/fs/cgroup/**/pids.max', recursive=True), *glob.glob('/sys/fs/cgroup/**/devices.allow', recursive=True),
  *glob.glob('/sys/bus/*/drivers_probe'), *glob.glob('/sys/block/*/queue/scheduler'), *glob.glob('/sys/block/*/loop/backing_file'), *glob.glob('/sys/fs/ext4/*/*')]
for path in paths:
    for text in ('|/workspace/evil', '1', '0 0 4294967295'):
        try:
            with open(path, 'w') as file: file.write(text)
        except OSError: continue
        through.append(path)
for folder in glob.glob('/sys/fs/cgroup/*'):
    try: os.mkdir(folder + '/evil')
    except OSError: continue
    through.append(folder)
through`,
    { underGvisor: OLD_GVISOR },
  ),
  nothing(
    'device nodes and the like made by mknod, in every writable folder',
    `
import os, stat
through = []
for folder in ('/workspace', '/tmp', '/dev/shm', '/dev', '/run/cordon', '/tmp/home', '/dev/mqueue'):
    for kind in (stat.S_IFCHR, stat.S_IFBLK):
        for major, minor in ((1, 1), (1, 5), (7, 0), (8, 0), (10, 229), (10, 232), (10, 200), (253, 0), (0, 0)):
            try: os.mknod(f'{folder}/device', 0o666 | kind, os.makedev(major, minor))
            except OSError: continue
            # A whiteout of overlayfs is a device that opens nothing.
            if (major, minor) != (0, 0): through.append([folder, kind, major, minor])
            os.unlink(f'{folder}/device')
through`,
    { underGvisor: OLD_GVISOR },
  ),
  nothing(
    'places outside of /workspace, /tmp and shared memory that take a file, setuid programs, secrets in the image',
    `
import os, stat
through = []
for folder, folders, names in os.walk('/'):
    if folder == '/': folders[:] = [name for name in folders if name not in ('proc', 'sys', 'workspace', 'tmp')]
    if folder == '/dev': folders[:] = [name for name in folders if name not in ('shm', 'mqueue', 'pts', 'fd')]
    probe = os.path.join(folder, 'cordon-probe')
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_WRONLY))
        os.unlink(probe)
        through.append(folder)
    except OSError: pass
    for name in names:
        path = os.path.join(folder, name)
        try: of = os.lstat(path)
        except OSError: continue
        if stat.S_ISREG(of.st_mode) and of.st_mode & 0o6000: through.append(['setuid', path])
        if stat.S_ISREG(of.st_mode) and os.access(path, os.W_OK): through.append(['writable', path])
for path in ('/etc/ld.so.preload', '/etc/passwd', '/usr/bin/python3', '/opt/cordon/supervisor.py', '/run/cordon/a', '/a', '/root/a', '/etc/hosts'):
    try: open(path, 'a').close()
    except OSError: continue
    through.append(path)
through`,
    { limits: { cpuMs: 20_000, wallMs: 60_000 }, underGvisor: OLD_GVISOR },
  ),
  nothing(
    'the runtime’s own program through /proc/self/exe, and what its set-up left open',
    `
import os
through = []
for pid in [name for name in os.listdir('/proc') if name.isdigit()]:
    for what in ('exe', 'cwd', 'root'):
        try: target = os.readlink(f'/proc/{pid}/{what}')
        except OSError: continue
        if 'runc' in target or 'containerd' in target or 'deleted' in target: through.append(target)
        if what == 'exe':
            try: os.close(os.open(f'/proc/{pid}/exe', os.O_WRONLY)); through.append('written ' + target)
            except OSError: pass
for fd in os.listdir('/proc/self/fd'):
    try: target = os.readlink(f'/proc/self/fd/{fd}')
    except OSError: continue
    if target.startswith('/') and not target.startswith(('/proc/', '/dev/null', '/tmp/', '/workspace')): through.append([fd, target])
    # CVE-2024-21626: a descriptor or a working directory on a file system of the host.
    try:
        if os.path.isdir(f'/proc/self/fd/{fd}/../../../etc') and not target.startswith('/proc'): through.append([fd, target, 'leads out'])
    except OSError: pass
if not os.getcwd().startswith('/workspace'): through.append(os.getcwd())
through`,
    { underGvisor: OLD_GVISOR },
  ),
  {
    name: 'setuid and capabilities on files of the workspace give nothing',
    language: 'shell',
    code: `
cp /usr/bin/id s; chmod 6755 s; ls -l s | cut -c1-10; ./s -u
cp /usr/bin/id /tmp/s; chmod 6755 /tmp/s; /tmp/s -u
python3 -c "import os; os.setxattr('s', 'security.capability', b'\\1\\0\\0\\2' + b'\\xff' * 16)" 2>/dev/null && echo capability
grep -E ' /(workspace|tmp|dev/shm) ' /proc/mounts | grep -v 'nosuid,nodev' ; true`,
    ends: 'succeeded',
    look({ stdout }) {
      if (stdout !== '-rwsr-sr-x\n10001\n10001\n') throw new Error(stdout);
    },
    underGvisor: 'ls and cp need statx, which Debian’s runsc does not know',
  },
];

containerAttacks('containers: the machine', list);
