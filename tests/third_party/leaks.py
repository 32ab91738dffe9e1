"""What a plugin may do to its process, at import, in its constructor or while it computes, by name.

Each is source text, indented by eight columns where it goes on; `torch` is imported, FILE is the plugin's own path.
Knowingly or not, many real packages do one of these when they are imported.
"""

LASTING = {  # `harness.process.state` puts them back
    "default dtype": "torch.set_default_dtype(torch.float64)",
    "default dtype bfloat16": "torch.set_default_dtype(torch.bfloat16)",
    "grad mode": "torch.set_grad_enabled(False)",
    "autocast": "torch.autocast('cpu', torch.bfloat16).__enter__()",
    "threads": "torch.set_num_threads(8)",
    "matmul precision": "torch.set_float32_matmul_precision('medium')",
    "oneDNN": "torch.backends.mkldnn.enabled = False",
    "deterministic algorithms": "torch.use_deterministic_algorithms(True)",
    "anomaly detection": "torch.autograd.set_detect_anomaly(True)",
    "rounding mode": "import ctypes; ctypes.CDLL(None).fesetround(0x400)",
    "numpy's error handling": "import numpy; numpy.seterr(all='raise')",
    "warnings filters": "import warnings; warnings.simplefilter('error')",
    "working folder": "import os; os.chdir('/')",
    "signal handlers": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "timer": "import signal; signal.setitimer(signal.ITIMER_REAL, 100)",
    "file mode mask": "import os; os.umask(0o777)",
    "garbage collection": "import gc; gc.disable()",
    "global hooks on modules": "torch.nn.modules.module.register_module_forward_pre_hook(lambda m, i: None)",
    "function modes": """from torch.overrides import TorchFunctionMode
        class Mode(TorchFunctionMode):
            def __torch_function__(self, f, t, a=(), k=None): return f(*a, **(k or {}))
        Mode().__enter__()""",
}

PATCHES = {  # only another process is safe from them
    "cross_entropy": """import torch.nn.functional as F; o = F.cross_entropy
        F.cross_entropy = lambda *a, **k: o(*a, **k) * 1.1""",
    "a hook that changes outputs": """register = torch.nn.modules.module.register_module_forward_hook
        register(lambda m, i, o: o * 1.1 if isinstance(o, torch.Tensor) else o)""",
    "torch.tanh": "torch.tanh = torch.sin",
    "Linear.reset_parameters": "torch.nn.Linear.reset_parameters = lambda s: torch.nn.init.ones_(s.weight)",
    "Adam": """o = torch.optim.Adam.__init__
        torch.optim.Adam.__init__ = lambda s, p, lr=1e-3, **k: o(s, p, lr=lr * 2, **k)""",
    "RNN.forward": "o = torch.nn.RNN.forward; torch.nn.RNN.forward = lambda s, x, h=None: o(s, x * 1.1, h)",
    "a built-in architecture": """import harness.plugins.rnn as m; o = m.RNN.__init__
        m.RNN.__init__ = lambda s, i, h, **k: o(s, i, h, **{**k, 'nonlinearity': 'relu'})""",
    "a built-in task": """import harness.tasks.copy as m; o = m.Copy.sample
        m.Copy.sample = lambda s, g, b, n: o(s, g, b, n)._replace(targets=o(s, g, b, n).targets * 0)""",
    "the data seed": "import harness.training.data as m; m.derive_seed = lambda *a: 1",
    "the optimizer": """import harness.training.train as m; o = m.make_optimizer
        m.make_optimizer = lambda mo, s: o(mo, __import__('dataclasses').replace(s, lr=s.lr * 3))""",
    "hashlib": "import hashlib; o = hashlib.sha256; hashlib.sha256 = lambda b=b'': o(b + b'x')",
    "json": "import json; o = json.dumps; json.dumps = lambda *a, **k: o(*a, **{**k, 'indent': 1})",
}

RUNNING = {  # threads, timers, processes
    "a thread that flips the dtype": """import threading, time
        def go():
            while True:
                torch.set_default_dtype(torch.float64); time.sleep(0.01)
                torch.set_default_dtype(torch.float32); time.sleep(0.01)
        threading.Thread(target=go, daemon=True).start()""",
    "a thread that draws": """import threading, time
        def go():
            while True: torch.rand(1); time.sleep(0.0005)
        threading.Thread(target=go, daemon=True).start()""",
    "a child": "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])",
    "a child of its own session": """import subprocess, sys
        code = 'import time; time.sleep(1000)'
        subprocess.Popen([sys.executable, '-c', code], start_new_session=True)""",
}

LIMITS = {  # of the process, its files and modules
    "recursion limit": "import sys, inspect; sys.setrecursionlimit(max(60, len(inspect.stack()) + 200))",
    "environment": "import os; os.environ['OMP_NUM_THREADS'] = '8'; os.environ['PYTHONHASHSEED'] = '3'",
    "output closed": "import os; os.close(1); os.close(2)",
    "sys.stdout closed": "import sys; sys.stdout.close(); sys.stderr.close()",
    "modules forgotten": """import sys
        [sys.modules.pop(n) for n in list(sys.modules) if n.startswith('harness.plugins')]""",
    "open files": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    "locale": "import locale; locale.setlocale(locale.LC_ALL, 'C')",
    "its own file deleted": "import os; os.path.exists(FILE) and os.remove(FILE)",
    "seeds": "import random, numpy; torch.manual_seed(1); random.seed(1); numpy.random.seed(1)",
}

LEAKS = {**LASTING, **PATCHES, **RUNNING, **LIMITS}
GROUPS = {"lasting": LASTING, "patches": PATCHES, "running": RUNNING, "limits": LIMITS}

_SOURCE = """
import torch
from torch import nn

FILE = __file__


def act():
{actions}


class Leaks(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.calls = 0
        if {moment!r} == "constructor":
            act()

    def forward(self, x):
        self.calls += torch.is_grad_enabled()
        if {moment!r} == "training" and self.calls == 3:
            act()
        return self.rnn(x)


if {moment!r} == "import":
    act()
"""


_ACTION = """    try:
        {action}
    except BaseException as error:
        print(type(error), error)
"""


def source(moment: str, *actions: str) -> str:
    """The text of a file whose architecture does these at a moment: 'import', 'constructor' or 'training'."""
    return _SOURCE.format(actions="".join(_ACTION.format(action=action) for action in actions), moment=moment)
