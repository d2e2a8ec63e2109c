"""The result of a run as JSON text, within `resultBytes`.

Inside containers each value is written as it would be at the top (a nested datetime is its ISO text, NaN is "NaN"), and
the type is then "object" or "array": JSON is not exactly the value. A cycle anywhere makes the whole result its repr,
and so does nesting deeper than 400. Instances of classes that extend a type of data are that data, and the type is the
name of their class; a named tuple is a tuple.
"""

import binascii
import datetime
import sys

from _cordon import door, late
from _cordon.text import class_name, cut, is_a, shallow_repr, shown, well_formed

DEEPEST = 400
_exact = 2**53 - 1
_quote = door.quote
# CPython before 3.10.7 has no bound.
_get_most_digits = getattr(sys, 'get_int_max_str_digits', int)
_set_most_digits = getattr(sys, 'set_int_max_str_digits', int)
_type_dict = type.__dict__['__dict__'].__get__
_type_mro = type.__dict__['__mro__'].__get__


class TooLarge(Exception):
    """The result is longer than the limit."""


class _Cyclic(Exception):
    pass


class _TooDeep(Exception):
    pass


class _Writer:
    """Writes one value in parts. Getters and __repr__ of the program may run; what they raise is shown in the text."""

    def __init__(self, most):
        self.left = most
        self.parts = []
        self.open = set()
        self.exact = True

    def put(self, text):
        """Adds JSON text. What is put is counted in bytes of UTF-8."""
        self.left -= len(text) if text.isascii() else len(text.encode('utf-8', 'replace'))
        if self.left < 0:
            raise TooLarge
        self.parts.append(text)

    def text(self, text):
        # Escapes only make it longer: no need to build what is too long anyway.
        if len(text) > self.left:
            raise TooLarge
        self.put(_quote(well_formed(text)))

    def nested(self, value):
        """A value inside a container."""
        if self.write(value) is not None:
            self.exact = False

    def write(self, value):
        """Writes a value; answers what it was where JSON does not say that: "object" and "array" are for containers."""
        kind = type(value)
        plain = _plain.get(kind)
        if plain is None:
            return self.other(value, kind)
        return plain(self, value)

    def none(self, value):
        self.put('null')

    def boolean(self, value):
        self.put('true' if value else 'false')

    def integer(self, value):
        if -_exact <= value <= _exact:
            self.put(int.__repr__(value))
            return None
        if int.bit_length(value) > (self.left + 1) * 4:
            raise TooLarge
        most = _get_most_digits()
        _set_most_digits(0)
        try:
            self.put(f'"{int.__repr__(value)}"')
        finally:
            _set_most_digits(most)
        return 'bigint'

    def number(self, value):
        if value - value == 0.0:
            self.put(float.__repr__(value))
            return None
        self.put('"NaN"' if value != value else '"Infinity"' if value > 0 else '"-Infinity"')
        return 'number'

    def enter(self, value):
        if id(value) in self.open:
            raise _Cyclic
        if len(self.open) >= DEEPEST:
            raise _TooDeep
        self.open.add(id(value))

    def items(self, value, items):
        self.enter(value)
        self.put('[')
        first = True
        for item in items:
            if first:
                first = False
            else:
                self.put(',')
            self.nested(item)
        self.put(']')
        self.open.discard(id(value))

    def array(self, value):
        self.items(value, list.copy(value))

    def tuple(self, value):
        self.items(value, tuple.__iter__(value))
        return 'tuple'

    def set(self, value):
        self.items(value, list(set.__iter__(value)))
        return 'set'

    def frozenset(self, value):
        self.items(value, frozenset.__iter__(value))
        return 'frozenset'

    def object(self, value):
        pairs = list(dict.items(value))
        names = [key if type(key) is str else _key(key) for key, _ in pairs]
        if None in names:
            return self.map(value, pairs)
        if any(type(key) is not str for key, _ in pairs):
            if len(set(names)) < len(names):
                return self.map(value, pairs)
            self.exact = False
        self.members(value, zip(names, (item for _, item in pairs)))
        return None

    def members(self, value, members):
        self.enter(value)
        self.put('{')
        first = True
        for name, item in members:
            if first:
                first = False
            else:
                self.put(',')
            self.text(name)
            self.put(':')
            self.nested(item)
        self.put('}')
        self.open.discard(id(value))

    def map(self, value, pairs):
        self.enter(value)
        self.put('[')
        for n, (key, item) in enumerate(pairs):
            self.put(',[' if n else '[')
            self.nested(key)
            self.put(',')
            self.nested(item)
            self.put(']')
        self.put(']')
        self.open.discard(id(value))
        return 'map'

    def bytes(self, value):
        if len(value) * 4 // 3 > self.left:
            raise TooLarge
        self.put(f'"{binascii.b2a_base64(value, newline=False).decode()}"')
        return 'bytes'

    def view(self, value):
        return self.bytes(memoryview.tobytes(value))

    def dataclass(self, value):
        self.members(value, _fields(value))
        return 'dataclass'

    def other(self, value, kind):
        """Everything that is not of a type of data itself."""
        mro = _type_mro(kind)
        if any('__dataclass_fields__' in _type_dict(base) for base in mro):
            return self.dataclass(value)
        for base, name, convert in _dates:
            if base in mro:
                try:
                    text = convert(value)
                except Exception:
                    break
                self.text(text)
                return name
        for base in _data:
            if base in mro:
                return _plain[base](self, _data[base](value)) or (
                    'tuple' if base is tuple else cut(class_name(value), 100)
                )
        if _type_dict(kind).get('__module__') == 'numpy' and getattr(value, 'ndim', 1) == 0:
            self.write(value.item())
            return cut(class_name(value), 100)
        self.text(shown(value))
        return 'repr'


def _fields(value):
    for field in late.dataclasses.fields(value):
        try:
            item = getattr(value, field.name)
        except AttributeError:
            continue
        except Exception as error:
            item = f'[Getter raised {class_name(error)}]'
        yield str(field.name), item


def _key(key):
    """The key of a JSON object for a key that is no plain str, as the module json has it; None: there is none."""
    if key is None:
        return 'null'
    if key is True or key is False:
        return 'true' if key else 'false'
    if is_a(key, str):
        return str.__str__(key)
    if is_a(key, int):
        return int.__repr__(key) if int.bit_length(key) < 1000 else None
    if is_a(key, float):
        return float.__repr__(key)
    return None


_plain = {
    type(None): _Writer.none,
    bool: _Writer.boolean,
    int: _Writer.integer,
    float: _Writer.number,
    str: _Writer.text,
    list: _Writer.array,
    tuple: _Writer.tuple,
    set: _Writer.set,
    frozenset: _Writer.frozenset,
    dict: _Writer.object,
    bytes: _Writer.bytes,
    bytearray: _Writer.bytes,
    memoryview: _Writer.view,
}
# How a value of a class that extends one of these becomes a plain one, no method of the class asked.
_data = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    list: list.copy,
    tuple: lambda value: tuple(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    bytes: lambda value: bytes.join(b'', [value, b'']),
    bytearray: bytearray.copy,
}
_dates = (
    (datetime.datetime, 'datetime', datetime.datetime.isoformat),
    (datetime.date, 'date', datetime.date.isoformat),
    (datetime.time, 'time', datetime.time.isoformat),
)


def to_json(value, most):
    """(JSON text, type or None) of a value. Raises TooLarge over `most` bytes."""
    writer = _Writer(most)
    try:
        kind = writer.write(value)
    except _Cyclic:
        writer = _Writer(most)
        writer.text(shown(value))
        return ''.join(writer.parts), 'cyclic'
    except _TooDeep:
        writer = _Writer(most)
        writer.text(shown(value, shallow_repr))
        return ''.join(writer.parts), 'object' if is_a(value, dict) else 'array'
    if kind is None and not writer.exact:
        kind = 'object' if is_a(value, dict) else 'array'
    return ''.join(writer.parts), kind
