"""Displays: a value's own representations, sent while the run goes on. Binary data travels as base64."""

import binascii

from _cordon import door
from _cordon.text import is_a, shown

_methods = (
    ('_repr_html_', 'text/html'),
    ('_repr_svg_', 'image/svg+xml'),
    ('_repr_png_', 'image/png'),
    ('_repr_jpeg_', 'image/jpeg'),
    ('_repr_markdown_', 'text/markdown'),
    ('_repr_latex_', 'text/latex'),
    ('_repr_json_', 'application/json'),
)
# No value of these types has representations of its own.
_plain = (str, bytes, int, float, bool, list, dict, tuple, set, frozenset, type(None))


def _is_token(text):
    return text != '' and all(char.isalnum() or char in '_.+-' for char in text)


def _is_mime(text):
    """Whether the text is a MIME type, with or without parameters."""
    kind, _, rest = text.partition('/')
    return _is_token(kind) and _is_token(rest.partition(';')[0])


def _is_textual(mime):
    kind = mime.partition(';')[0]
    endings = ('/json', '+json', '/xml', '+xml')
    return kind.startswith('text/') or kind.endswith(endings) or kind == 'application/javascript'


def _as_data(value, mime):
    if is_a(value, str):
        return str.__str__(value)
    if is_a(value, bytes, bytearray, memoryview):
        data = bytes(value)
        if _is_textual(mime):
            try:
                return data.decode()
            except UnicodeDecodeError:
                pass
        return binascii.b2a_base64(data, newline=False).decode()
    if mime.endswith('json'):
        return door.encode(value)
    return shown(value)


def representations(value):
    """{mime: data} that the value itself offers. A representation that fails is left out."""
    found = {}
    # An object that answers every name has no representation in particular.
    if type(value) in _plain or is_a(value, type) or _called(value, '_cordon_no_such_method_') is not None:
        return found
    bundle = _called(value, '_repr_mimebundle_', include=None, exclude=None)
    if is_a(bundle, dict):
        for mime, data in dict.items(bundle):
            _add(found, mime, data)
    for name, mime in _methods:
        if mime not in found:
            _add(found, mime, _called(value, name))
    return found


def _called(value, name, **options):
    try:
        method = getattr(value, name, None)
        if not callable(method):
            return None
        data = method(**options)
    except (MemoryError, SystemExit, KeyboardInterrupt):
        raise
    except Exception:
        return None
    # IPython allows (data, metadata).
    return data[0] if is_a(data, tuple) and len(data) == 2 else data


def _add(found, mime, data):
    if data is None or not is_a(mime, str) or not _is_mime(mime):
        return
    try:
        found[str.__str__(mime)] = _as_data(data, mime)
    except (MemoryError, SystemExit, KeyboardInterrupt):
        raise
    except Exception:
        pass


def of_result(value):
    """Shows what the result of the program offers besides its text."""
    for mime, data in representations(value).items():
        if mime != 'text/plain':
            door.display(mime, data)


def _show(value):
    found = representations(value)
    if len(found) > 1:
        found.pop('text/plain', None)
    if not found:
        if is_a(value, bytes, bytearray, memoryview):
            found['application/octet-stream'] = _as_data(value, 'application/octet-stream')
        else:
            found['text/plain'] = str.__str__(value) if is_a(value, str) else shown(value)
    for mime, data in found.items():
        door.display(mime, data)


def display(*values, mime=None):
    """Shows something richer than text.

    display(value): the representations that the value offers (_repr_html_, _repr_png_, ...), else its text.
    display(data, mime='image/png'): this data; also display(data, 'image/png').
    display(a, b): one after the other.
    """
    if mime is None and len(values) == 2 and is_a(values[1], str) and _is_mime(values[1]):
        values, mime = values[:1], values[1]
    if mime is None:
        for value in values:
            _show(value)
        return
    if not is_a(mime, str) or not _is_mime(mime):
        raise TypeError('display: mime is a MIME type such as "text/html"')
    for value in values:
        offered = None if type(value) in _plain else representations(value).get(mime)
        door.display(mime, _as_data(value, mime) if offered is None else offered)
