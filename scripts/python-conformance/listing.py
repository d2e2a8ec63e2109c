"""Names of all modules of the standard library that this interpreter has, those that only show or start something left out."""

import sys
import zipfile

shows = ('antigravity', 'this', 'idlelib', 'turtledemo', 'turtle', 'tkinter', 'test', 'lib2to3', 'ensurepip')
names = set(sys.builtin_module_names) & sys.stdlib_module_names
archive = next(entry for entry in sys.path if entry.endswith('.zip'))
for path in zipfile.ZipFile(archive).namelist():
    if path.endswith('.py') and path.partition('/')[0].removesuffix('.py') in sys.stdlib_module_names:
        names.add(path.removesuffix('.py').removesuffix('/__init__').replace('/', '.'))
sorted(name for name in names if name.partition('.')[0] not in shows and not name.endswith('__main__'))
