"""Cells that misbehave from the third update on: what an engine must live through.

A test names one by the path of this file: `misbehaving.py:Hangs`.
"""

import ctypes
import os
import signal
import sys
import threading
import time

import torch
from torch import nn

kept = []


class Base(nn.Module):
    """Behaves for two updates, then does what `act` does, up to the update `last`."""

    last = 1000

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.calls = 0

    def forward(self, x):
        self.calls += torch.is_grad_enabled()
        if 2 < self.calls <= self.last:
            self.act()
        return self.rnn(x)


class Segfaults(Base):
    def act(self):
        ctypes.string_at(0)


class Exits(Base):
    def act(self):
        print("a word of Exits")
        os._exit(3)


class Killed(Base):
    def act(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Terminated(Base):
    def act(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)


class Hangs(Base):
    def act(self):
        time.sleep(1000)


class Slow(Base):
    def act(self):
        time.sleep(0.1)


class Hogs(Base):
    """Asks for 100 GiB."""

    def act(self):
        self.kept = [torch.empty(2**28) for _ in range(100)]


class Leaks(Base):
    """Keeps 256 MiB, or a little more, beyond the end of the run."""

    last = 3

    def act(self):
        kept.append(torch.ones(2**26))


class Prints(Base):
    """Writes to both streams, one of them past Python."""

    def act(self):
        os.write(1, b"noise")
        print("noise", file=sys.stderr)


class Raises(Base):
    """Leaves a thread behind that would keep the process from ending."""

    def act(self):
        threading.Thread(target=time.sleep, args=(1000,)).start()
        raise ValueError("no luck")


class Spoils(Base):
    """Ends the process at what a worker does before it begins the next run."""

    def act(self):
        os.truncate = lambda *_: os._exit(4)


class Forks(Base):
    """Leaves processes behind."""

    def act(self):
        if os.fork() == 0:
            time.sleep(1000)


class Doubles(Base):
    """Goes on in two processes, both of which hold the connection to the driver."""

    last = 3

    def act(self):
        os.fork()
