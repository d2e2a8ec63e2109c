"""Exceptions become plain text of bounded length: name, message, and a traceback of the program's own frames."""

import builtins
import errno
import sys
import types

from _cordon import door, errors, late, places
from _cordon.text import class_name, cut, is_a, well_formed

_set_traceback = BaseException.__dict__['__traceback__'].__set__
traceback_of = BaseException.__dict__['__traceback__'].__get__
_get_cause = BaseException.__dict__['__cause__'].__get__
_get_context = BaseException.__dict__['__context__'].__get__
# CPython before 3.11 has no groups.
_groups = getattr(builtins, 'BaseExceptionGroup', None)
_get_members = _groups and _groups.__dict__['exceptions'].__get__
_get_errno = OSError.__dict__['errno'].__get__

_longest_name, _longest_message, _longest_stack = 128, 8192, 16384
_most_frames = 1000
_most_errors = 50
# One entry for one exception that is met twice; CPython before 3.10 always does so.
_compact = {'compact': True} if sys.version_info >= (3, 10) else {}


def is_guest(filename):
    """Whether a frame's file is the program's."""
    return not filename.startswith(places.FOREIGN)


def related(error, explicit=False):
    """The exception and those that it names as its reasons; `explicit`: only `raise ... from` and groups."""
    found, waiting, seen = [], [error], set()
    while waiting and len(found) < _most_errors:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        found.append(error)
        waiting.append(_get_cause(error))
        if not explicit:
            waiting.append(_get_context(error))
        if _groups and is_a(error, _groups):
            waiting.extend(_get_members(error)[:_most_errors])
    return found


def _own_frames(tb):
    """The chain of tracebacks without the frames that are not the program's."""
    kept = []
    while tb is not None:
        if is_guest(tb.tb_frame.f_code.co_filename):
            kept.append(tb)
            if len(kept) > 2 * _most_frames:
                # The first half and the last half: the middle of a deep recursion says nothing new.
                del kept[_most_frames // 2 : -_most_frames // 2]
        tb = tb.tb_next
    if len(kept) > _most_frames:
        del kept[_most_frames // 2 : -_most_frames // 2]
    chain = None
    for tb in reversed(kept):
        chain = types.TracebackType(chain, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)
    return chain


def _stack(error):
    for known in related(error):
        _set_traceback(known, _own_frames(traceback_of(known)))
    parts, size = [], 0
    for part in late.traceback.TracebackException(type(error), error, traceback_of(error), **_compact).format():
        parts.append(part)
        size += len(part)
        if size > 8 * _longest_stack:
            break
    text = ''.join(parts).rstrip('\n')
    if len(text) > _longest_stack:
        half = _longest_stack // 2 - 20
        text = f'{text[:half]}\n  [...]\n{text[-half:]}'
    return text


def message_of(error):
    try:
        text = str(error)
        return text if type(text) is str else str.__str__(text)
    except MemoryError:
        raise
    except BaseException:
        return '<exception str() failed>'


def is_out_of_memory(error):
    return any(is_a(known, MemoryError) for known in related(error, explicit=True))


def limit_of(error):
    """The limit that this exception stands for, if any."""
    if is_out_of_memory(error):
        return 'ramBytes'
    for known in related(error, explicit=True):
        if is_a(known, *errors.from_the_host):
            limit = BaseException.__getattribute__(known, '__dict__').get('_cordon_limit')
            if limit is not None:
                return limit
        if is_a(known, OSError) and _get_errno(known) in (errno.ENOSPC, errno.EDQUOT):
            # The refusal of a write came as an error number.
            limit = door.limit(_get_errno(known))
            if limit is not None:
                return limit
    return None


def forget_frames(error):
    """Lets go of what the frames of the exception hold."""
    for known in related(error):
        _set_traceback(known, None)


def describe(error):
    """{name, message, stack?, limit?} of an exception. Runs the program's __str__; raises only MemoryError."""
    described = {'name': cut(class_name(error), _longest_name) or 'Exception', 'message': ''}
    limit = None
    try:
        limit = limit_of(error)
    except MemoryError:
        raise
    except BaseException:
        pass
    if limit == 'ramBytes':
        # The frames hold what filled the memory.
        late.traceback.clear_frames(traceback_of(error))
    described['message'] = cut(well_formed(message_of(error)), _longest_message)
    if limit == 'ramBytes' and not described['message']:
        described['message'] = 'The program ran out of memory (ramBytes)'
    try:
        described['stack'] = cut(well_formed(_stack(error)), _longest_stack)
    except MemoryError:
        raise
    except BaseException:
        pass
    if limit is not None:
        described['limit'] = limit
    return described
