"""Where things lie in a container. Constants, because a run decides none of them."""

DOOR = '/run/cordon/door.sock'
# Where Cordon takes what programs call, and the port of the loopback that is handed on to it.
EGRESS = '/run/cordon/egress.sock'
PROXY_PORT = 3128
# The program, its input and its limits, written by the supervisor.
RUN = '/tmp/.cordon'
WORKSPACE = '/workspace'
TEMPORARY = '/tmp'
SHARED_MEMORY = '/dev/shm'
HOME = '/tmp/home'

BASH = '/bin/bash'
PYTHON = '/usr/bin/python3'
NODE = '/usr/local/bin/node'
PATH = '/opt/cordon/bin:/usr/local/bin:/usr/bin:/bin'

# Files that are not the program's: the standard library, packages, this harness.
FOREIGN = ('/usr/', '/lib/', '/opt/cordon/', '<frozen ')
