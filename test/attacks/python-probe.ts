/**
 * A program that tells what a run of Python finds in its interpreter, the same in every clean one: the names of every module
 * by digest, files outside of /workspace, descriptors, settings, hooks. What it does not look at, the walk over all objects
 * of test/sandbox/python/rewind.test.ts does.
 */
export const PROBE = String.raw`
import sys
loaded = sorted(sys.modules)
import atexit, builtins, collections, contextvars, copyreg, decimal, gc, hashlib, json, linecache, locale, logging, os
import random, re, shutil, signal, tempfile, threading, time, types, warnings

seen = {'modules': loaded}
# Hashes of text are the same in all interpreters of one snapshot.
def digest(of):
    return f'{hash(tuple(of)):x}'

# What begins anew with each run: the entropy, the streams, the descriptor of the door.
own = {('random', '_inst'), ('tempfile', '_name_sequence')}
def namespace(name):
    space = types.ModuleType.__dict__['__dict__'].__get__(sys.modules[name])
    return [(key, type(value).__qualname__) for key, value in dict.items(space) if (name, key) not in own]
seen['namespaces'] = {
    name: digest(namespace(name)) for name in loaded
    if name != '__main__' and types.ModuleType in type(sys.modules[name]).__mro__
}
seen['builtins'] = {name: digest([id(value), type(value).__qualname__]) for name, value in builtins.__dict__.items() if name != '_'}

seen['environment'] = [dict(os.environ), sys.argv, sys.orig_argv, str(sys.flags), os.getpid()]
seen['imports'] = [
    sys.path, sorted(sys.path_importer_cache),
    *([repr(of) for of in hooks] for hooks in (sys.meta_path, sys.path_hooks)),
]
def descriptors():
    for fd in range(4096):
        try: yield fd, oct(os.fstat(fd).st_mode)
        except OSError: pass
seen['descriptors'] = list(descriptors())
def files():
    for folder, folders, names in os.walk('/'):
        if folder == '/':
            for name in ('workspace', 'proc'):
                if name in folders: folders.remove(name)
        folders.sort()
        for name in sorted(folders + names):
            path = os.path.join(folder, name)
            of = os.lstat(path)
            yield f'{path} {of.st_mode:o} {of.st_size if name in names else 0} {of.st_nlink}'
seen['files'] = list(files())
with open('/lib/python314.zip', 'rb') as file: seen['library'] = hashlib.sha256(file.read()).hexdigest()
seen['place'] = os.getcwd()
seen['threads'] = [thread.name for thread in threading.enumerate()]
seen['collector'] = [gc.get_freeze_count(), gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks), gc.garbage]
seen['behaviour'] = [
    json.dumps({'a': [1, None, 'e']}), json.loads('[1e3]'), re.sub('(a)+', 'b', 'caat'), sorted([3, 1, 2]), len('abc'),
    repr(1.5), str(2**70), collections.Counter('aab')['a'], isinstance(True, int), hash(1.0), 'e'.upper(), eval('1+1'),
    open(os.devnull).read(), (1).__add__(2), [*map(str, {1: 2})], sum([1]), f'{1.25:.1f}', '%d' % 3, bytes(2).hex(),
]
seen['signals'] = [repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())]
seen['limits'] = [sys.getrecursionlimit(), sys.get_int_max_str_digits(), sys.getswitchinterval()]
seen['hooks'] = [
    sys.gettrace(), sys.getprofile(), *(sys.monitoring.get_tool(tool) for tool in range(6)), threading.gettrace(),
    *(repr(of) for of in (sys.excepthook, sys.displayhook, sys.unraisablehook, sys.breakpointhook, threading.excepthook)),
    str(sys.get_asyncgen_hooks()), sys.get_coroutine_origin_tracking_depth(),
]
seen['warnings'] = repr(warnings.filters)
seen['locale'] = [locale.setlocale(locale.LC_ALL), time.tzname, time.timezone]
seen['decimal'] = [repr(decimal.getcontext()), repr(decimal.DefaultContext)]
seen['logging'] = [repr(logging.root), logging.root.handlers, sorted(logging.root.manager.loggerDict), logging.lastResort.level]
seen['exits'] = atexit._ncallbacks()
seen['registries'] = [len(copyreg.dispatch_table), sorted(linecache.cache), len(contextvars.copy_context())]
try:
    import trace_of_an_attack
    seen['trace'] = 'found'
except ImportError:
    seen['trace'] = 'none'
# The workspace is the agent's, and stays; the next attack begins with an empty one.
for name in os.listdir('.'):
    shutil.rmtree(name) if os.path.isdir(name) and not os.path.islink(name) else os.unlink(name)
seen
`;
