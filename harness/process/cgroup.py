"""What control groups leave this process, as containers and schedulers set them: CPU time and memory, on Linux."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MOUNTED = Path("/sys/fs/cgroup")
_OURS = Path("/proc/self/cgroup")  # lines of NUMBER:CONTROLLERS:PATH; version 2 has one line, without controllers


def cpu_limit() -> float:
    """Cores' worth of CPU time; infinite without a limit."""
    return min((_cpu_limit(group) for group in _groups("cpu")), default=math.inf)


def memory_limit() -> float:
    """Bytes; infinite without a limit."""
    names = "memory.max", "memory.limit_in_bytes"  # of version 2 and 1
    return min((_number(group / name) for group in _groups("memory") for name in names), default=math.inf)


def _cpu_limit(group: Path) -> float:
    """Time over period; version 1 writes a time of -1 for none."""
    with suppress(OSError, ValueError):
        time, period = (group / "cpu.max").read_text().split()
        return math.inf if time == "max" else int(time) / int(period)
    time_1, period_1 = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    return time_1 / period_1 if 0 < time_1 < math.inf else math.inf


def _number(file: Path) -> float:
    """What a file holds; infinite where it is not there, or holds 'max'."""
    with suppress(OSError, ValueError):
        return int(file.read_text())
    return math.inf


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's groups and of all above them: the lowest limit counts.

    Inside a container the path may be that on the host, of which nothing is there but the root.
    """
    with suppress(OSError, ValueError):
        for line in _OURS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(",") or not controllers:
                mount = _MOUNTED / controller if controllers else _MOUNTED
                inner = Path(path.lstrip("/"))
                yield from (mount / part for part in (inner, *inner.parents))
