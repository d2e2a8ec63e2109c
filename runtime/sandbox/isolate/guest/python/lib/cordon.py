"""What a run has besides the standard library: its input, the agent's memory, and displays.

    from cordon import input, memory, display
"""

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

input = None
"""The input of the run, any JSON value; None when it has none."""
