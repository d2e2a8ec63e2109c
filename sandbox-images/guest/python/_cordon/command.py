"""The command `cordon`: what a run has besides its files, for shells."""

import posix
import sys

from _cordon import barrier, door, errors, json_text

HELP = """\
cordon result JSON             the result of the run; the last one counts
cordon result < FILE
cordon input [KEY...]          the input of the run as JSON, or what is at these keys and indexes of it
cordon memory get KEY          the value of a key as JSON; exit code 1 when there is none
cordon memory set KEY JSON     keeps a value, prints its revision
    --ttl-ms N                 for this long
    --if-revision N|none       only if the key has this revision, or does not exist
cordon memory set KEY < FILE
cordon memory delete KEY       prints true, or false when there was none; also with --if-revision N
cordon memory list [PREFIX]    the keys, one in a line; --json: with revisions and sizes
cordon display FILE            shows a picture, a page, a table... by the kind of its name
cordon display --mime TYPE [FILE]   or what stdin has
cordon help

--raw with input and memory get: text without its quotes; with memory set: the value is text, not JSON.
Exit codes: 0 done, 1 not there or refused, 2 wrong use, 3 a limit or quota is used up.
"""

_USAGE, _REFUSED, _USED_UP = 2, 1, 3
_FLAGS = ('raw', 'json')

_KINDS = {
    'avif': 'image/avif',
    'csv': 'text/csv',
    'gif': 'image/gif',
    'htm': 'text/html',
    'html': 'text/html',
    'jpeg': 'image/jpeg',
    'jpg': 'image/jpeg',
    'json': 'application/json',
    'md': 'text/markdown',
    'mp4': 'video/mp4',
    'pdf': 'application/pdf',
    'png': 'image/png',
    'svg': 'image/svg+xml',
    'tex': 'text/latex',
    'txt': 'text/plain',
    'webp': 'image/webp',
    'xml': 'application/xml',
}


class Wrong(Exception):
    """The command was not used as its help says."""


class Failed(Exception):
    """What was asked for is not there, or was refused."""


def main(given):
    """Ends the process."""
    code = 0
    door.flush = _seen
    try:
        if not given or given[0] in ('help', '--help', '-h'):
            _print(HELP)
        elif given[0] in _COMMANDS:
            _COMMANDS[given[0]](given[1:])
        else:
            raise Wrong(f'there is no {given[0]!r}')
    except Wrong as error:
        code = _tell(f'{error}; see cordon help', _USAGE)
    except Failed as error:
        code = _tell(error, _REFUSED)
    except errors.QuotaExceeded as error:
        code = _tell(f'QuotaExceeded: {error}', _USED_UP)
        _end_at_limit(error)
    except (errors.CordonError, OSError, TypeError, ValueError, RecursionError) as error:
        code = _tell(f'{type(error).__name__}: {error}', _REFUSED)
    posix._exit(code)


def _end_at_limit(error):
    """Tells Cordon which limit this was: it ends a script that goes no further than here, and no other."""
    limit = getattr(error, '_cordon_limit', None)
    if limit is None:
        return
    described = {'name': 'QuotaExceeded', 'message': str(error), 'limit': limit}
    try:
        door.end(json_text.encode({'status': 'limit_exceeded', 'error': described}))
    except (errors.CordonError, OSError):
        pass


def _seen():
    """What a shell printed before this command is seen before what the command shows."""
    pipes = door.of_run('barrier')
    if pipes is not None and pipes == barrier.names():
        barrier.Barrier().wait()


def _tell(message, code):
    _write(2, f'cordon: {message}\n')
    return code


def _print(text):
    _write(1, text)


def _write(fd, text):
    left = memoryview(text.encode('utf-8', 'backslashreplace'))
    while left:
        left = left[posix.write(fd, left) :]


def _read(fd):
    parts = []
    while part := posix.read(fd, 1 << 20):
        parts.append(part)
    return b''.join(parts)


def _text(data, what):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Failed(f'{what} is not UTF-8') from None


def _options(given, *known):
    """(positional arguments, {option: value}). A value follows its option, or a `=`."""
    plain, options, waiting = [], {}, list(given)
    while waiting:
        word = waiting.pop(0)
        if word == '--':
            return plain + waiting, options
        if not word.startswith('--'):
            plain.append(word)
            continue
        name, equals, value = word[2:].partition('=')
        if name not in known:
            raise Wrong(f'there is no option --{name} here')
        if name in _FLAGS:
            options[name] = True
        elif equals or waiting:
            options[name] = value if equals else waiting.pop(0)
        else:
            raise Wrong(f'--{name} needs a value')
    return plain, options


def _count(plain, least, most, what):
    if not least <= len(plain) <= most:
        raise Wrong(what)


def _json(text, what):
    try:
        return json_text.decode(text)
    except RecursionError:
        raise Failed(f'{what} is nested too deeply') from None
    except ValueError as error:
        raise Failed(f'{what} is not JSON: {error}') from None


def _show(value, raw):
    _print(f'{value if raw and isinstance(value, str) else json_text.encode(value)}\n')


def _given(plain, at):
    """A value from the command's own arguments, else from stdin."""
    return plain[at] if len(plain) > at else _text(_read(0), 'stdin')


def result(given):
    plain, _ = _options(given)
    _count(plain, 0, 1, 'result takes one JSON value: put it in quotes')
    value = _json(_given(plain, 0), 'the result')
    most = door.limits().get('resultBytes', 1 << 20)
    from _cordon import end_text

    # As for a program of Python: an integer or number that JSON readers would change becomes text.
    end = '{"status":"succeeded","result":null}' if value is None else end_text.of_value(value, most)
    door.end(end)
    if end.startswith('{"status":"limit_exceeded"'):
        raise errors.QuotaExceeded(f'the result is larger than resultBytes ({most})')


def input(given):
    plain, options = _options(given, 'raw')
    value = door.input()
    for at, key in enumerate(plain):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise Failed(f'the input has no {" ".join(plain[: at + 1])}')
    _show(value, 'raw' in options)


def memory(given):
    if not given or given[0] not in _MEMORY:
        raise Wrong('memory takes get, set, delete or list')
    from _cordon.memory import memory as kept

    _MEMORY[given[0]](kept, given[1:])


def _revision(options, none):
    text = options.get('if-revision')
    if text is None:
        return {}
    if none and text == 'none':
        return {'if_revision': None}
    if not text.isdecimal():
        raise Wrong('--if-revision takes a revision' + (' or none' if none else ''))
    return {'if_revision': int(text)}


def _memory_get(kept, given):
    plain, options = _options(given, 'raw')
    _count(plain, 1, 1, 'memory get takes one key')
    nothing = object()
    value = kept.get(plain[0], nothing)
    if value is nothing:
        raise Failed(f'the memory has no {plain[0]}')
    _show(value, 'raw' in options)


def _memory_set(kept, given):
    plain, options = _options(given, 'raw', 'ttl-ms', 'if-revision')
    _count(plain, 1, 2, 'memory set takes a key and a value: put it in quotes')
    text = _given(plain, 1)
    how = _revision(options, none=True)
    if 'ttl-ms' in options:
        if not options['ttl-ms'].isdecimal():
            raise Wrong('--ttl-ms takes milliseconds')
        how['ttl_ms'] = int(options['ttl-ms'])
    _show(kept.set(plain[0], text if 'raw' in options else _json(text, 'the value'), **how), raw=False)


def _memory_delete(kept, given):
    plain, options = _options(given, 'if-revision')
    _count(plain, 1, 1, 'memory delete takes one key')
    _show(kept.delete(plain[0], **_revision(options, none=False)), raw=False)


def _memory_list(kept, given):
    plain, options = _options(given, 'json')
    _count(plain, 0, 1, 'memory list takes one prefix')
    items = kept.list(*plain)
    if 'json' in options:
        _show(items, raw=False)
    else:
        _print(''.join(f'{item["key"]}\n' for item in items))


def display(given):
    plain, options = _options(given, 'mime')
    _count(plain, 0 if 'mime' in options else 1, 1, 'display takes one file, or --mime and stdin')
    mime = options.get('mime') or _KINDS.get(plain[0].rpartition('.')[2].lower())
    if mime is None:
        raise Wrong(f'the name {plain[0]} does not say what it is: add --mime')
    from _cordon.display import display as show

    fd = posix.open(plain[0], posix.O_RDONLY | posix.O_CLOEXEC) if plain else 0
    show(_read(fd), mime=mime)


_COMMANDS = {'result': result, 'input': input, 'memory': memory, 'display': display}
_MEMORY = {'get': _memory_get, 'set': _memory_set, 'delete': _memory_delete, 'list': _memory_list}
