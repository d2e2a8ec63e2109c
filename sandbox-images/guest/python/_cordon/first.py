"""The module `cordon` is ours in every Python of a run, whatever file of that name lies in the workspace."""

import sys

from _frozen_importlib_external import PathFinder

_own = __file__.rpartition('/_cordon/')[0]


class First:
    """Before all other finders; asked once, because a module is imported once."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        return PathFinder.find_spec(fullname, [_own]) if fullname == 'cordon' else None


if First not in sys.meta_path:
    sys.meta_path.insert(0, First)
