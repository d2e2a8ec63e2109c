"""The harness of a run. Programs use the module `cordon`."""
