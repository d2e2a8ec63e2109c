"""Modules that would look for what a run does not have, found before the ones of their name on the disk."""

import importlib.abc
import importlib.util
import sys

from _cordon import web
from _cordon.refuse import no_processes


class Urllib3Loader(importlib.abc.Loader):
    """urllib3 imports `contrib.emscripten` to go through XMLHttpRequest here; with us it goes through http.client."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.inject_into_urllib3 = web.into_urllib3


class Finder:
    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if fullname in ('_multiprocessing', '_posixshmem'):
            raise ImportError(no_processes('multiprocessing').strerror, name=fullname)
        if fullname == 'urllib3.contrib.emscripten':
            return importlib.util.spec_from_loader(fullname, Urllib3Loader(), is_package=True)
        return None


def install():
    sys.meta_path.insert(0, Finder)
