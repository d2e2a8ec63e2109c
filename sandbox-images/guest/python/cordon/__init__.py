"""What a run has besides its files: its input, the agent's memory, and displays.

    from cordon import input, memory, display
"""

from _cordon import door as _door
from _cordon.display import display
from _cordon.errors import CordonError, EgressDenied, QuotaExceeded, RevisionMismatch
from _cordon.memory import memory

__all__ = [
    'input',
    'memory',
    'display',
    'CordonError',
    'EgressDenied',
    'QuotaExceeded',
    'RevisionMismatch',
]

input = _door.input()
"""The input of the run, any JSON value; None when it has none."""
