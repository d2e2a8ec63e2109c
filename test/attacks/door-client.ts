/** Programs of a container that speak to the door by hand. */
import type { Attack } from './attack.ts';

/** Frames by hand, as the modules of the image make them, or not at all as they make them. */
const DOOR = `
import json, os, socket, struct, time
def connect():
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(20)
    one.connect('/run/cordon/door.sock')
    return one
def frame(header, body=b'', head=None, size=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('>II', len(header) if head is None else head, len(body) if size is None else size) + header + body
def read(one, count):
    data = b''
    while len(data) < count:
        part = one.recv(count - len(data))
        if not part: raise ConnectionError('closed')
        data += part
    return data
def answer(one):
    head, size = struct.unpack('>II', read(one, 8))
    header = json.loads(read(one, head))
    read(one, size)
    return header
def refused(data):
    """Whether Cordon says no, or closes the connection over it."""
    one = connect()
    try:
        one.sendall(data)
        return not answer(one)['reply']['ok']
    except OSError as error: return not isinstance(error, TimeoutError)
    finally: one.close()
`;

export const python = (name: string, code: string, more: Partial<Attack> = {}): Attack => ({
  name,
  language: 'python',
  code: DOOR + code,
  ends: 'succeeded',
  ...more,
});
