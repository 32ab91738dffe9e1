"""A package that knows the harness only by its contracts."""
