"""The errors that the host answers, as exceptions of Python."""

import errno
import types

_set = BaseException.__setattr__


class CordonError(Exception):
    """The host refused or failed a call."""

    code = None


class RevisionMismatch(CordonError):
    """memory.set with `if_revision`: the key has another revision, or exists although it must not."""


class QuotaExceeded(CordonError):
    """A quota of the agent or a limit of the run is used up."""


class EgressDenied(PermissionError):
    """The agent's egress policy does not allow this address."""

    def __init__(self, message=''):
        super().__init__(errno.EACCES, message)

    def __str__(self):
        return self.strerror or ''

    def __reduce__(self):
        return (EgressDenied, (self.strerror,))


for _public in (CordonError, RevisionMismatch, QuotaExceeded, EgressDenied):
    _public.__module__ = 'cordon'

# Only these carry a limit that ends the run.
from_the_host = (CordonError, OSError)

_classes = types.MappingProxyType(
    {
        'RevisionMismatch': RevisionMismatch,
        'QuotaExceeded': QuotaExceeded,
        'EgressDenied': EgressDenied,
        'TypeError': TypeError,
        'RangeError': ValueError,
    }
)


def from_host(described):
    """The exception for an error reply {name, message, code?, limit?}."""
    message = str(described.get('message', ''))
    code = described.get('code')
    known = _classes.get(described.get('name'))
    number = getattr(errno, code, None) if isinstance(code, str) else None
    if known is not None:
        error = known(message)
    elif isinstance(number, int):
        error = OSError(number, message)
    else:
        error = CordonError(message)
    if isinstance(error, CordonError):
        _set(error, 'code', code)
    limit = described.get('limit')
    if isinstance(limit, str) and isinstance(error, from_the_host):
        _set(error, '_cordon_limit', limit)
    return error
