"""The log of sweeps: what was planned, by which command, and who works on it. One MLflow run a command."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass

from mlflow.entities import Run

from harness.errors import HarnessError, NoRecordsError, StoreError, UsageError
from harness.process import heartbeat
from harness.spec import Planned, SweepSpec
from harness.tracking import tags as names
from harness.tracking.mlflow_runs import SWEEPS
from harness.tracking.store import Store
from harness.tracking.tags import RUNNING, Kind, both, equals

_SWEEP_RUNS = equals(names.KIND, Kind.SWEEP)
_LARGEST_PLAN = 50_000_000  # bytes, unpacked: a plan of a hundred thousand runs has ten million


@dataclass(frozen=True)
class RecordedSweep:
    """A sweep as it was asked for and planned."""

    name: str
    spec_json: str  # a SweepSpec; perhaps of another version, so it is parsed where it is needed
    command: str  # the line that was typed
    planned: tuple[Planned, ...]
    began: float  # seconds since 1970
    title: str = ""  # the name that a person gave it

    def spec(self) -> SweepSpec:
        """What was asked for; HarnessError where another version wrote it."""
        try:
            return SweepSpec.from_json(self.spec_json)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise HarnessError(f"Sweep {self.name} was recorded by another version of harness: {error}.") from None


class SweepLog:
    """The log entry of a sweep that this process works on."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id
        self.last_heartbeat = time.time()

    def send_heartbeat(self) -> None:
        """Tells drivers on other machines, now and then, that this one works."""
        if time.time() - self.last_heartbeat >= heartbeat.HEARTBEAT_SECONDS:
            self.last_heartbeat = time.time()
            self.store.set_tag(self.run_id, names.HEARTBEAT, str(self.last_heartbeat))


@contextmanager
def recording(
    store: Store, name: str, sweep: SweepSpec, command: str, planned: Sequence[Planned], title: str = ""
) -> Iterator[SweepLog]:
    """Logs a sweep and keeps its driver marked as working while the context lasts. Closes stale entries."""
    _close_stale_entries(store)
    tags = {
        names.KIND: Kind.SWEEP,
        names.SWEEP: name,
        names.DRIVER: store.driver,
        names.HEARTBEAT: str(time.time()),
        **names.long_text(names.TITLE, title),
    }
    run_id = store.create(store.experiment(SWEEPS), f"sweep {title or name}", tags)
    texts = {names.COMMAND: command, names.SPEC: sweep.to_json(), names.PLAN: _packed(planned)}
    store.log(
        run_id, tags={key: part for tag, text in texts.items() for key, part in names.long_text(tag, text).items()}
    )
    try:
        with heartbeat.driving(store.driver):
            yield SweepLog(store, run_id)
    finally:
        with suppress(StoreError):  # else the next driver closes it
            store.terminate(run_id)


def load_sweep(store: Store, name: str | None = None) -> RecordedSweep:
    """The newest sweep, or the newest whose name begins so, or that was given this name; HarnessError for none."""
    known: list[str] = []
    for run in store.search(SWEEPS, _SWEEP_RUNS):
        key, title = run.data.tags.get(names.SWEEP, ""), names.read_long_text(run.data.tags, names.TITLE)
        if key.startswith(name or "") or (title and title == name):
            return _read(run)
        known.append(title or key)
    if not known:
        raise NoRecordsError(f"{store.uri} holds no sweep yet: harness run --arch lstm --task copy")
    newest = ", ".join(list(dict.fromkeys(known))[:10])
    raise UsageError(f"No sweep {name!r}. Newest first: {newest}. harness sweeps lists all.")


def load_sweeps(store: Store) -> list[RecordedSweep]:
    """Every readable sweep, newest first; of one that was begun again, the last time."""
    found: dict[str, RecordedSweep] = {}
    for run in store.search(SWEEPS, _SWEEP_RUNS):
        if run.data.tags.get(names.SWEEP, "") not in found:
            with suppress(HarnessError):
                sweep = _read(run)
                found[sweep.name] = sweep
    return list(found.values())


def _close_stale_entries(store: Store) -> None:
    at_work = store.drivers()
    for run in store.search(SWEEPS, both(_SWEEP_RUNS, RUNNING)):
        if run.data.tags.get(names.DRIVER) not in at_work:
            store.terminate(run.info.run_id, "KILLED")


def _read(run: Run) -> RecordedSweep:
    """A sweep's log entry; HarnessError for one that is damaged."""
    tags = run.data.tags
    name = tags.get(names.SWEEP, "")
    try:
        plan = tuple(_planned(row) for row in json.loads(_unpacked(names.read_long_text(tags, names.PLAN))))
    except (ValueError, TypeError, zlib.error) as error:
        raise HarnessError(f"The log entry of sweep {name!r} is damaged or unfinished: {error or 'no plan'}.") from None
    spec, command = (names.read_long_text(tags, tag) for tag in (names.SPEC, names.COMMAND))
    title = names.read_long_text(tags, names.TITLE)
    return RecordedSweep(name, spec, command, plan, run.info.start_time / 1000, title)


def _planned(row: list[object]) -> Planned:
    kinds = (str, str, str, int, int)
    if len(row) != len(kinds) or not all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True)):
        raise ValueError("its plan holds something that is no run")
    return Planned(*row)  # type: ignore[arg-type]


def _packed(planned: Sequence[Planned]) -> str:
    """Compressed: ten thousand runs take some twenty tags."""
    rows = json.dumps([astuple(run) for run in planned])
    return base64.b64encode(zlib.compress(rows.encode())).decode()


def _unpacked(text: str) -> bytes:
    unpack = zlib.decompressobj()
    rows = unpack.decompress(base64.b64decode(text, validate=True), _LARGEST_PLAN)
    if not unpack.eof:
        raise ValueError("its plan is cut off or too large")
    return rows
