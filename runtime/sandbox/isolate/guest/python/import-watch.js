// The only way from the WebAssembly module to anything outside its own memory are its imports. Those that a program of
// plain Python needs leave nothing behind that rewind.js would not put back; any other one means that the program reached
// JavaScript (`import js`, ctypes, dlopen, timers, sockets), and that this interpreter serves no further run.
const harmless = [
  // Clocks, random bytes and the environment are only read.
  /^(emscripten_date_now|emscripten_get_now|clock_time_get|clock_res_get|random_get|environ_get|environ_sizes_get)$/,
  /^_(tzset|timegm|mktime|localtime|gmtime)_js$/,
  // Files: what they change is put back (scratch.js, the workspace's mount, the list of open streams).
  /^fd_(close|read|write|sync|fdstat_get|seek|pread|pwrite)$/,
  /^__syscall_(fcntl64|openat|faccessat|chdir|fchdir|chmod|fchmod|fchmodat2|fchownat|fchown32|dup|dup3|fdatasync|ioctl)$/,
  /^__syscall_(fstat64|stat64|lstat64|newfstatat|ftruncate64|truncate64|getcwd|getdents64|mkdirat|mknodat|fadvise64)$/,
  /^__syscall_(fallocate|readlinkat|unlinkat|rmdir|renameat|statfs64|fstatfs64|symlinkat|utimensat|getuid32_js)$/,
  /^_(mmap|munmap|msync)_js$/,
  // The interpreter's own: its memory, calls of C functions by another signature, the check for signals.
  /^(emscripten_resize_heap|emscripten_get_heap_max|_PyEM_TrampolineCall_JS|_Py_CheckEmscriptenSignals_Helper)$/,
  /^_Py_emscripten_runtime$/,
];

/** Wraps `env` for one instance of `module`. `ours` replaces imports. */
export function watchImports(env, module, ours) {
  let touched;
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== 'function' || from.startsWith('GOT')) continue;
    const real = ours[name] ?? env[name];
    imports[name] =
      name in ours || harmless.some((pattern) => pattern.test(name))
        ? real
        : (...args) => {
            touched ??= name;
            return real(...args);
          };
  }
  return {
    imports,
    /** The first import that a plain program has no need of, since `reset`. */
    get touched() {
      return touched;
    },
    touch(what) {
      touched ??= what;
    },
    reset() {
      touched = undefined;
    },
  };
}
