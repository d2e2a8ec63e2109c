"""PID 1 of a container: serves one run and then waits for its end. Everything is in supervisor/, which is compiled."""

import sys

_root = __file__.rpartition('/')[0]
sys.path[:0] = [f'{_root}/supervisor', f'{_root}/python']

from serve import serve  # noqa: E402

serve(_root)
