"""Where things lie in the isolate's Python."""

# Files that are not the program's: the standard library, packages, this harness, the scripts on JavaScript's side.
FOREIGN = ('/lib/', '<frozen ', 'cordon:')
