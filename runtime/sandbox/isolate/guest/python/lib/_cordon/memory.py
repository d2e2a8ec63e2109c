"""The agent's durable key-value data, as programs use it."""

from _cordon import door

_unset = object()
# Any 16 digits in a row, found without the module re, whose import takes longer than a short program.
_to_zeros = str.maketrans('123456789', '0' * 9)
_long_number = '0' * 16
_exact = 2**53 - 1


def _check_key(key):
    if not isinstance(key, str):
        raise TypeError(f'A memory key must be a str, not {type(key).__name__}')
    return str.__str__(key)


def _check_integers(value):
    """JSON here is that of JavaScript: an integer that would lose digits on the way is refused."""
    if isinstance(value, int):
        if not -_exact <= value <= _exact:
            raise ValueError('memory.set keeps integers up to 2**53 - 1; keep a larger one as text')
    elif isinstance(value, dict):
        for item in value.values():
            _check_integers(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_integers(item)


def _either(name, snake, camel, camel_value):
    if camel_value is _unset:
        return snake
    if snake is not _unset:
        raise TypeError(f'memory: {name} was given twice')
    return camel_value


class _Memory:
    """The agent's durable key-value data."""

    __slots__ = ()

    def get(self, key, default=None):
        """The value, or `default` when there is none."""
        found = door.ask('memory.get', {'key': _check_key(key)})[0]
        return found['value'] if found['found'] else default

    def set(self, key, value, *, ttl_ms=_unset, if_revision=_unset, ttlMs=_unset, ifRevision=_unset):
        """Keeps any JSON value; answers its revision.

        ttl_ms: how long it lives. if_revision: the revision that it must have now; None: the key must not exist;
        else RevisionMismatch.
        """
        text = door.encode(value)
        if _long_number in text.translate(_to_zeros):
            _check_integers(value)
        args = f'"key":{door.quote(_check_key(key))},"value":{text}'
        ttl = _either('ttl_ms', ttl_ms, 'ttlMs', ttlMs)
        if ttl is not _unset and ttl is not None:
            args += f',"ttlMs":{door.encode(ttl)}'
        revision = _either('if_revision', if_revision, 'ifRevision', ifRevision)
        if revision is not _unset:
            args += f',"ifRevision":{door.encode(revision)}'
        return door.ask('memory.set', f'{{{args}}}')[0]

    def delete(self, key, *, if_revision=_unset, ifRevision=_unset):
        """Whether there was a value."""
        args = {'key': _check_key(key)}
        revision = _either('if_revision', if_revision, 'ifRevision', ifRevision)
        if revision is not _unset:
            args['ifRevision'] = revision
        return door.ask('memory.delete', args)[0]

    def list(self, prefix=''):
        """The keys that begin with `prefix`, sorted: [{'key', 'revision', 'bytes', 'expiresAt'?}]."""
        return door.ask('memory.list', {'prefix': _check_key(prefix)})[0]

    def __repr__(self):
        return '<memory of the agent>'


memory = _Memory()
