"""The harness from Python: the functions that `import harness` offers, in the words of the command line.

    results = harness.run_sweep(architectures=["lstm", "gru"], tasks=["copy"], lengths=[5, 10], seeds=3, steps=500)

A sweep that is asked for here and the same sweep typed as a command are the same records: nothing is run twice.
"""

import warnings

# Libraries import tqdm, which asks notebooks for widgets that nothing here uses.
warnings.filterwarnings("ignore", message="IProgress not found")
