"""Matters of the process itself: signals, random generators, garbage collection, limits."""
