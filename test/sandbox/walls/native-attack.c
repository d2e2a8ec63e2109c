// What code can try once it has left V8: raw system calls from inside a worker process, outside any isolate.
// Loaded by process.dlopen; writes one line per attempt to fd 3: name, TAB, "done" or the errno's name.
// Targets come from the file `targets` beside it: one per line, in the order below.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_move_mount
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#define SYS_pidfd_getfd 438
#endif

extern char **environ;
static char open_file[512], owner_file[512], unix_path[512], abstract_name[128], ending[32];
static int port, service_pid, sibling_pid;

static void say(const char *name, long result) {
  char line[700];
  int n = snprintf(line, sizeof line, "%s\t%s\n", name, result < 0 ? strerrorname_np(errno) : "done");
  if (write(3, line, n) != n) _exit(98);
}
static void read_file(const char *name, const char *path) {
  char byte;
  int fd = open(path, O_RDONLY);
  say(name, fd < 0 ? -1 : read(fd, &byte, 1));
  if (fd >= 0) close(fd);
}
static void write_file(const char *name, const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  say(name, fd);
  if (fd >= 0) { close(fd); unlink(path); }
}
static void connect_to(const char *name, int family, int type, const void *address, socklen_t length) {
  int fd = socket(family, type, 0);
  say(name, fd < 0 ? -1 : connect(fd, address, length));
  if (fd >= 0) close(fd);
}
static void make_socket(const char *name, int family, int type, int protocol) {
  int fd = socket(family, type, protocol);
  say(name, fd);
  if (fd >= 0) close(fd);
}
#define CALL(name, ...) do { errno = 0; say(name, syscall(__VA_ARGS__)); } while (0)

static void files(void) {
  char path[64];
  read_file("read a 0644 file of the service", open_file);
  read_file("read a 0600 file of the service", owner_file);
  read_file("read /etc/passwd", "/etc/passwd");
  read_file("read /etc/shadow", "/etc/shadow");
  read_file("read /proc/self/environ", "/proc/self/environ");
  snprintf(path, sizeof path, "/proc/%d/environ", service_pid);
  read_file("read the service's environment", path);
  snprintf(path, sizeof path, "/proc/%d/mem", service_pid);
  read_file("open the service's memory", path);
  snprintf(path, sizeof path, "/proc/%d/cmdline", service_pid);
  read_file("read the service's command line", path);
  read_file("read /sys", "/sys/kernel/uevent_seqnum");
  read_file("read /dev/kmsg", "/dev/kmsg");
  read_file("read /dev/urandom", "/dev/urandom");
  write_file("write in /", "/attack");
  write_file("write in /tmp", "/tmp/attack");
  write_file("write in /dev/shm", "/dev/shm/attack");
  write_file("write in the app folder", "attack");
  say("truncate the worker's code", truncate("targets", 0));
  say("chmod the worker's code", chmod("targets", 0777));
  say("remove the worker's code", unlink("targets"));
  say("mkdir", mkdir("attack", 0700));
  say("symlink", symlink("/", "attack"));
  say("mknod", mknod("attack", S_IFCHR | 0600, 0x0103));
}

static void network(void) {
  struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  connect_to("connect to loopback TCP", AF_INET, SOCK_STREAM, &tcp, sizeof tcp);
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  strncpy(at.sun_path, unix_path, sizeof at.sun_path - 1);
  connect_to("connect to a unix socket", AF_UNIX, SOCK_STREAM, &at, sizeof at);
  struct sockaddr_un abstract = {.sun_family = AF_UNIX};
  strncpy(abstract.sun_path + 1, abstract_name, sizeof abstract.sun_path - 2);
  connect_to("connect to an abstract unix socket", AF_UNIX, SOCK_STREAM, &abstract,
             offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract_name));
  make_socket("socket inet", AF_INET, SOCK_DGRAM, 0);
  make_socket("socket inet6", AF_INET6, SOCK_STREAM, 0);
  make_socket("socket unix", AF_UNIX, SOCK_STREAM, 0);
  make_socket("socket netlink", AF_NETLINK, SOCK_RAW, 0);
  make_socket("socket packet", AF_PACKET, SOCK_RAW, 0);
  make_socket("socket vsock", 40, SOCK_STREAM, 0);
  make_socket("socket alg", 38, SOCK_SEQPACKET, 0);
  int pair[2];
  say("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

static void processes(void) {
  char bytes[8];
  struct iovec local = {bytes, sizeof bytes}, remote = {(void *)0x400000, sizeof bytes};
  say("signal the service", kill(service_pid, 0));
  say("signal a sibling", kill(sibling_pid, 0));
  say("signal everybody", kill(-1, 0));
  CALL("tgkill the service", SYS_tgkill, service_pid, service_pid, 0);
  say("ptrace the service", ptrace(PTRACE_SEIZE, service_pid, 0, 0));
  say("ptrace a sibling", ptrace(PTRACE_SEIZE, sibling_pid, 0, 0));
  say("read a sibling's memory", process_vm_readv(sibling_pid, &local, 1, &remote, 1, 0));
  CALL("pidfd_open the service", SYS_pidfd_open, service_pid, 0);
  CALL("pidfd_open itself", SYS_pidfd_open, getpid(), 0);
  say("signal by fcntl", fcntl(3, F_SETOWN, service_pid));
  struct rlimit_unused { uint64_t a, b; } limit;
  CALL("limits of the service", SYS_prlimit64, service_pid, 7, 0, &limit);
  pid_t child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    char *const args[] = {"/bin/sh", "-c", "true", 0};
    execve("/bin/sh", args, environ);
    _exit(127);
  }
  say("fork", child);
  if (child > 0) {
    int status = 0;
    waitpid(child, &status, 0);
    errno = ENOENT;
    say("run /bin/sh", WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1);
  } else {
    say("run /bin/sh", -1);
  }
}

static void kernel(void) {
  char buffer[256] = {0};
  uint32_t capabilities[2] = {0x20080522, 0}, sets[6] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
  CALL("mount", SYS_mount, "none", "/", "tmpfs", 0, 0);
  CALL("umount", SYS_umount2, "/", 2);
  CALL("pivot_root", SYS_pivot_root, "/", "/");
  CALL("chroot", SYS_chroot, "/");
  CALL("open_tree", SYS_open_tree, -100, "/", 1);
  CALL("move_mount", SYS_move_mount, -100, "/", -100, "/", 0);
  CALL("fsopen", SYS_fsopen, "tmpfs", 0);
  CALL("unshare user", SYS_unshare, CLONE_NEWUSER);
  CALL("unshare net", SYS_unshare, CLONE_NEWNET);
  CALL("setns", SYS_setns, 3, 0);
  pid_t child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  say("clone into a user namespace", child);
  child = syscall(SYS_clone3, buffer, 64);
  if (child == 0) _exit(0);
  say("clone3", child);
  CALL("keyctl", SYS_keyctl, 0, -4, 1);
  CALL("add_key", SYS_add_key, "user", "attack", "x", 1, -4);
  CALL("request_key", SYS_request_key, "user", "attack", 0, 0);
  CALL("io_uring_setup", SYS_io_uring_setup, 1, buffer);
  CALL("bpf", SYS_bpf, 0, buffer, sizeof buffer);
  CALL("perf_event_open", SYS_perf_event_open, buffer, 0, -1, -1, 0);
  CALL("userfaultfd", SYS_userfaultfd, 1);
  CALL("memfd_create", SYS_memfd_create, "attack", 0);
  CALL("personality", SYS_personality, 0xffffffff);
  CALL("kexec_load", SYS_kexec_load, 0, 0, 0, 0);
  CALL("init_module", SYS_init_module, buffer, 1, "");
  CALL("finit_module", SYS_finit_module, 3, "", 0);
  CALL("reboot", SYS_reboot, 0, 0, 0, 0);
  CALL("swapon", SYS_swapon, "/attack", 0);
  CALL("acct", SYS_acct, "/attack");
  CALL("quotactl", SYS_quotactl, 0, "/attack", 0, 0);
  CALL("name_to_handle_at", SYS_name_to_handle_at, -100, "/", buffer, buffer + 128, 0);
  CALL("open_by_handle_at", SYS_open_by_handle_at, 3, buffer, 0);
  CALL("syslog", SYS_syslog, 10, 0, 0);
  CALL("sethostname", SYS_sethostname, "attack", 6);
  CALL("setuid 0", SYS_setuid, 0);
  CALL("capset", SYS_capset, capabilities, sets);
  CALL("seccomp", SYS_seccomp, 0, 1, 0);
  CALL("openat2", SYS_openat2, -100, "/", buffer, 24);
  say("become dumpable", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
  say("survive its parent", prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
  int terminal = 'x';
  say("type into a terminal", ioctl(3, 0x5412, &terminal));
}

static void line(FILE *file, char *to, int size) {
  if (!fgets(to, size, file)) _exit(99);
  to[strcspn(to, "\n")] = 0;
}

__attribute__((constructor)) static void attack(void) {
  char number[32];
  // As real root without a jail the attempts would succeed, and mount over / and rename the machine that runs the tests.
  if (geteuid() == 0) _exit(99);
  FILE *file = fopen("targets", "r");
  if (!file) _exit(99);
  line(file, open_file, sizeof open_file);
  line(file, owner_file, sizeof owner_file);
  line(file, unix_path, sizeof unix_path);
  line(file, abstract_name, sizeof abstract_name);
  line(file, number, sizeof number), port = atoi(number);
  line(file, number, sizeof number), service_pid = atoi(number);
  line(file, number, sizeof number), sibling_pid = atoi(number);
  line(file, ending, sizeof ending);
  fclose(file);
  for (char **variable = environ; *variable; variable++)
    if (strncmp(*variable, "PWD=", 4) && strncmp(*variable, "LD_PRELOAD=", 11)) say("environment variable", 0);
  files();
  network();
  processes();
  kernel();
#ifdef __x86_64__
  // The other tables of system calls that an x86-64 kernel has: a filter that forgot them is no filter.
  if (!strcmp(ending, "x32")) CALL("x32 getpid", 0x40000000 | SYS_getpid);
  if (!strcmp(ending, "i386")) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
    errno = -result;
    say("i386 getpid", result < 0 ? -1 : 0);
  }
#endif
  if (!strcmp(ending, "execve")) {
    // On success nothing more is written.
    char *const args[] = {"node", "--version", 0};
    char node[600] = {0};
    if (readlink("/proc/self/exe", node, sizeof node - 1) < 0) strcpy(node, "/bin/node");
    execve(node, args, environ);
    say("execve", -1);
  }
  say("end", 0);
}
