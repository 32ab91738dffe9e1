"""Claims and published results: a question and its expectations, read from a file, run as sweeps, judged over seeds."""
