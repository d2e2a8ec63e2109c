/** Why a test or an example does not do what CPython's authors wrote. The first pattern that fits its name and last line says. */
import type { Failure } from './report.ts';

const copied = "the copy of the tests that was used is not CPython's own at this place";
const another = 'the test is of a later CPython (up to 3.14.4) than the interpreter (3.14.2)';
const notAlone = 'the example is not complete by itself: it fails in every CPython';

const reasons: [RegExp, string][] = [
  [
    /test_free_after_iterating|'super' object has no attribute 'test_|test_log_destroyed_pending_task|PyLongModuleTests|no attribute 'cr_frame'/,
    copied,
  ],
  [
    /test_current_indent_level|test_issue142594|test_filemode_does_not_misclassify|test_original_class_is_gced|split_table_insert_with_str_subclass/,
    another,
  ],
  [/test_matches_writablepath_docstrings|No module named '(_pydecimal|dbm)'/, 'Pyodide ships less of the library'],
  [
    /test_copy_dir_no_read_permission|test_mkdir_parents|MakedirTests.test_mode/,
    '`/workspace` keeps no permission bits: `chmod` and the mode of `mkdir` change nothing',
  ],
  [/zip_badpaths|Invalid argument: '[^']*\\\\/, '`/workspace` refuses names with a backslash'],
  [/can't start new thread|test_wrap_future|second thread/, 'a run has one thread'],
  [
    /no other processes and no shell|popen_forkserver|_posixshmem|_multiprocessing/,
    'a run has one process and no shell',
  ],
  [/EgressDenied|a socket|gaierror|_refuse\(\)|name '(ftps?|s|c|poplib)' is not defined/, 'a run has no sockets'],
  [/BuiltinTest.test_input/, '`input()` of Cordon, once `sys.stdin` is deleted: to be repaired'],
  [/test_capitalize_nonascii/, another],
  [/test_large_file_ops/, 'more space than the agent has'],
  [/No space left on device/, 'space of unlinked open files is not given back, or is 16 MiB at most: to be repaired'],
  [/'NoneType' object has no attribute 'sequence_|_testcapi/, "CPython's compiled test modules are not there"],
  [/not loaded: NotADirectoryError/, 'the library is in a zip archive: its files have no path of their own'],
  [
    /test_get_clock_info|test_thread_time|test_sleep_exceptions/,
    'a clock or a message that Cordon replaced: to be repaired',
  ],
  [
    /test_extractall_none_gid|test_tarfile/,
    'folders some forty levels deep in `/workspace` take too long: to be repaired',
  ],
  [/test_reprlib.*test_custom_repr|functions_module_attr/, 'an object of the standard library is one of Cordon here'],
  [/^test\.test_linecache/, 'the library is in a zip archive: its files have no path of their own'],
  [/testAbles/, '`/dev/tty` is another device here'],
  [/Operation not permitted: 'symlink'/, '`/workspace` has no links'],
  [/SSL is not supported/, 'Pyodide has no TLS'],
  [/win32 only|msvcrt|mbcs_encode|oem_encode/, 'a module of Windows'],
  [/No module named '_interpreters'/, 'Pyodide ships less of the library'],
  [
    /^doctest (zipfile|_pyrepl|asyncio\.timeouts|binascii|fractions|ipaddress|pdb|pydoc|tempfile|textwrap|unittest)/,
    notAlone,
  ],
  [/^doctest decimal/, 'CPython runs these examples with another option (the words of an exception are not compared)'],
  [/^doctest importlib\.metadata.*FastPath/, 'the example wants files in the current folder'],
  [/ended the run: limit_exceeded: ramBytes|MemoryError/, 'more memory than the run has'],
  [/ended the run: limit_exceeded: cpuMs|ended the run: time$/, 'more CPU time than the run has'],
  [/ended the run: timed_out/, 'waits for what never comes: a thread, a process or a signal'],
];

export function reasonOf({ id, why = '', plain }: Failure): string {
  const known = reasons.find(([pattern]) => pattern.test(`${id} ${why}`))?.[1];
  return known ?? (plain === true ? 'not looked into: it fails in Pyodide without Cordon, too' : 'not explained');
}
