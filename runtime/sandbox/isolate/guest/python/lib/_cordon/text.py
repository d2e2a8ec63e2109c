"""Text of any value, of bounded length and well-formed, and questions about values that do not ask the values."""

import reprlib

_longest_repr = 16384
_get_name = type.__dict__['__name__'].__get__
_get_mro = type.__dict__['__mro__'].__get__

# repr() of a deep value can take more stack than there is.
_shallow = reprlib.Repr()
_shallow.maxlevel = _shallow.maxdict = _shallow.maxlist = _shallow.maxtuple = _shallow.maxset = 50
_shallow.maxstring = _shallow.maxother = 500
shallow_repr = _shallow.repr


def is_a(value, *bases):
    """isinstance() that asks neither the value nor its class."""
    mro = _get_mro(type(value))
    return any(base in mro for base in bases)


def class_name(value):
    """The name of the value's class."""
    return _get_name(type(value))


def cut(text, length):
    return text if len(text) <= length else text[: length - 1] + '…'


def well_formed(text):
    """The text with U+FFFD for lone surrogates."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode('utf-16-le', 'surrogatepass').decode('utf-16-le', 'replace')


def shown(value, as_text=repr):
    """repr() of any value. Raises only MemoryError and what ends a run."""
    try:
        text = as_text(value)
    except (MemoryError, SystemExit, KeyboardInterrupt):
        raise
    except Exception as error:
        text = f'<{class_name(value)} object: its repr raised {class_name(error)}>'
    if len(text) <= _longest_repr:
        return str.__str__(text)
    return f'{text[:_longest_repr]}… {len(text) - _longest_repr} more characters'
