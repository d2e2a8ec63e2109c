"""Frames of the door: two lengths (32-bit, big-endian), a JSON header, raw bytes."""

from _cordon.json_text import decode

LENGTHS = 8


def frame(header, body=b''):
    """One frame as bytes; `header` is JSON text."""
    try:
        head = header.encode()
    except UnicodeEncodeError:
        head = header.encode('utf-16-le', 'surrogatepass').decode('utf-16-le', 'replace').encode()
    return b''.join((len(head).to_bytes(4, 'big'), len(body).to_bytes(4, 'big'), head, body))


def lengths(data):
    """(bytes of the header, bytes of the body) from the first bytes of a frame."""
    return int.from_bytes(data[:4], 'big'), int.from_bytes(data[4:LENGTHS], 'big')


def take(buffer):
    """Takes the first frame off a bytearray: (header, body), or None while it is not whole."""
    if len(buffer) < LENGTHS:
        return None
    head, body = lengths(buffer)
    end = LENGTHS + head + body
    if len(buffer) < end:
        return None
    header = decode(buffer[LENGTHS : LENGTHS + head].decode())
    data = bytes(buffer[LENGTHS + head : end])
    del buffer[:end]
    return header, data
