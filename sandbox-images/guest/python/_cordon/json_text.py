"""JSON by the C parts of CPython's own module, whose Python part takes 5 ms to import and 1 MB to keep."""

import _json

quote = _json.encode_basestring
"""JSON text of a str; lone surrogates stay as they are."""


def _no_constant(name):
    raise ValueError(f'{name} is not JSON')


class _Strict:
    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_constant)
    memo = {}


_scan = _json.make_scanner(_Strict())


def decode(text):
    """The value of a JSON text. Raises ValueError, and RecursionError for one that is nested too deeply."""
    text = text.strip(' \t\n\r')
    try:
        value, end = _scan(text, 0)
    except StopIteration as error:
        raise ValueError(f'no JSON value at character {error.value}') from None
    if end != len(text):
        raise ValueError(f'more than one JSON value: the first ends at character {end}')
    return value


def _not_json(value):
    raise TypeError(f'Object of type {type(value).__name__} is not JSON serializable')


def encode(value):
    """JSON text of a value. Raises TypeError and ValueError as json.dumps does, for NaN too."""
    write = _json.make_encoder({}, _not_json, quote, None, ':', ',', False, False, False)
    return ''.join(write(value, 0))
