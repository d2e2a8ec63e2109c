"""Harness of a Python program: everything is in _cordon/, which is compiled."""

if __name__ == '__main__':
    from _cordon.main import run

    raise SystemExit(run())
