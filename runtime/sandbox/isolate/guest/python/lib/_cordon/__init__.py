"""What a run of Python needs inside the interpreter. Not for programs: they import `cordon`."""
