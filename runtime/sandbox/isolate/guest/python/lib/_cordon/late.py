"""Modules of the standard library that only some ends need. Here all are in the snapshot."""

import dataclasses
import sys
import traceback

__all__ = ['dataclasses', 'excepthook', 'traceback']

excepthook = sys.excepthook
"""The one that the program finds."""
