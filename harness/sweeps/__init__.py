"""Grids of runs: planned and executed."""
