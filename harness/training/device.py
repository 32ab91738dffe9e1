"""Where the arithmetic happens: device, threads, denormals, determinism; and what of it belongs in the record."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from harness.errors import UsageError
from harness.process import cgroup, gc_tuning
from harness.process.rng import preserve_rng

_WORKER_MEMORY = 512 * 2**20  # bytes: torch and Lightning take some 300 MiB of data
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of mallopt, as malloc.h has them
_CUBLAS = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # one of the two values with which cuBLAS is deterministic


def pick(name: str) -> torch.device:
    """The device a name stands for; 'auto' is the first accelerator there is, else the CPU."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if there["cuda"] else "mps" if there["mps"] else "cpu")
    if not there[name]:
        have = ", ".join(device for device, is_there in there.items() if is_there)
        raise UsageError(f"--device {name}: there is no such device here. There is: {have}.")
    return torch.device(name)


def cores() -> int:
    """CPU cores this process may use; of a share in the middle of a core the whole part, as the rest would stutter."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(there, cgroup.cpu_limit())))


def slots(device: torch.device, per_gpu: int) -> list[str]:
    """What CUDA_VISIBLE_DEVICES is for each run at once: every GPU in turn, `per_gpu` times; empty on the CPU."""
    if device.type == "cpu":
        return []
    if device.type == "mps":
        return [""] * per_gpu  # there is one, whatever the number of cores, and it does not heed the variable
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = given.split(",") if given else [str(index) for index in range(torch.cuda.device_count())]
    return gpus * per_gpu


def memory_share(device: torch.device, jobs: int) -> int | None:
    """Bytes that one of `jobs` workers may hold; None where a limit would be in the way, as with CUDA's mappings."""
    if device.type != "cpu" or not hasattr(os, "sysconf"):
        return None
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(0.9 * min(there, cgroup.memory_limit())) // jobs


def most_workers(device: torch.device) -> int:
    """Workers that the memory has room for, at least one."""
    whole = memory_share(device, 1)
    return max(1, whole // _WORKER_MEMORY) if whole else sys.maxsize


def refuse_jobs_beyond_memory(device: torch.device, jobs: int) -> None:
    """Raises UsageError where each of `jobs` workers would not have the memory that the libraries alone take."""
    most = most_workers(device)
    if jobs > most:
        share, least = (memory_share(device, jobs) or 0) / 2**20, _WORKER_MEMORY / 2**20
        raise UsageError(
            f"--jobs {jobs} leaves {share:,.0f} MiB of memory for each run, which takes at least {least:g} MiB: "
            f"--jobs {most} at most."
        )


@contextmanager
def computing(device: torch.device) -> Iterator[None]:
    """One CPU thread with denormals flushed to zero, and a GPU that computes the same each time; as before on leaving.

    One thread makes results independent of the number of cores; parallel work is done by processes. Vanishing gradients
    are denormal numbers, on which CPUs are up to ten times slower; flushing agrees to six digits. On the CPU autograd
    runs in the thread that calls backward, so that this one thread is every thread that computes.
    """
    gc_tuning.restore_collection()
    threads = torch.get_num_threads()
    if device.type == "cpu":
        _keep_freed_memory()
    was_flushing = flushes_denormals()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        with _deterministic(device), preserve_rng([torch.cuda.current_device()] if device.type == "cuda" else []):
            yield
    finally:
        torch.set_flush_denormal(was_flushing)
        torch.set_num_threads(threads)
        if libc := _glibc():
            libc.malloc_trim(0)  # between runs the system has it back


def _keep_freed_memory() -> None:
    """Large buffers that a step frees stay with this process: the next step would have to ask for every page again."""
    if libc := _glibc():
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)


@cache
def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is the one whose allocator can be told."""
    libc = ctypes.CDLL(None) if os.name == "posix" else None
    return libc if hasattr(libc, "gnu_get_libc_version") else None


@contextmanager
def _deterministic(device: torch.device) -> Iterator[None]:
    """On CUDA, kernels that give the same bits each time, and whole float32 products in cuDNN as in cuBLAS.

    By itself cuDNN, which computes whole LSTMs and GRUs, rounds to TF32, and cuBLAS, which computes cells written step
    by step, does not: the comparison would be one of roundings. cuBLAS reads the environment when it starts, with the
    first product of a process; elsewhere the variable does nothing. An operation of a plugin that has no deterministic
    kernel (as a scattered sum) still differs in the last bits.
    """
    if device.type != "cuda":
        yield
        return
    name, value = _CUBLAS
    os.environ.setdefault(name, value)
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = True, False, False, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = before


def flushes_denormals() -> bool:
    """Whether this thread turns denormal results into zero."""
    return bool((torch.full((1,), 1e-30) * 1e-10).item() == 0.0)


def environment(device: torch.device) -> dict[str, str]:
    """Versions, device, threads and whether denormals are flushed, as strings for the record."""
    packages = ("rnn-harness", "torch", "pytorch-lightning", "mlflow", "optuna")
    found = {f"version.{name}": importlib.metadata.version(name) for name in packages}
    return {
        **found,
        "version.python": platform.python_version(),
        "device": device.type,
        "device.name": _device_name(device),
        "threads": str(torch.get_num_threads()),
        "denormals_flushed": str(flushes_denormals()).lower(),
        "platform": platform.platform(),
    }


def git_revision() -> str:
    """The revision of the repository that the working folder belongs to, '+' where it has changes; '' without one."""
    try:
        run = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return cpu_name()


@cache
def cpu_name() -> str:
    """The processor's model, 'AMD EPYC 7B13'; the kind of machine where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
