"""Sweeps on record: what was planned, by which command, and who is at work on it. One MLflow run a command."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass

from mlflow.entities import Run, RunTag

from harness.errors import HarnessError, NoRecordsError, StoreError, UsageError
from harness.process import heartbeat
from harness.spec import Planned, SweepSpec
from harness.tracking.connect import failures_told
from harness.tracking.store import Store

_SWEEPS = "tags.`harness.kind` = 'sweep'"
_CHUNK = 7500  # characters: MLflow's tags end at 8000


@dataclass(frozen=True)
class RecordedSweep:
    """A sweep as it was asked for and planned."""

    name: str
    spec: str  # a SweepSpec as JSON: of another version perhaps, so that it is read where it is needed
    command: str  # the line that was typed
    planned: tuple[Planned, ...]
    began: float  # seconds since 1970

    def asked(self) -> SweepSpec:
        """What was asked for; HarnessError where another version wrote it."""
        try:
            return SweepSpec.from_json(self.spec)
        except (TypeError, ValueError, KeyError) as error:
            raise HarnessError(f"Sweep {self.name} was recorded by another version of harness: {error}.") from None


class Journal:
    """Keeps one sweep's entry while it is being worked on."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store, self.run_id, self.last_beat = store, run_id, time.time()

    def beat(self) -> None:
        """Tells drivers on other machines, now and then, that this one is alive."""
        if time.time() - self.last_beat >= heartbeat.HEARTBEAT_SECONDS:
            self.last_beat = time.time()
            with failures_told(self.store.uri):
                self.store.client.set_tag(self.run_id, "harness.beat", str(self.last_beat))


@contextmanager
def written(store: Store, name: str, sweep: SweepSpec, command: str, planned: Sequence[Planned]) -> Iterator[Journal]:
    """An entry for a sweep that is being worked on while the context lasts; entries of the dead are closed."""
    _close_the_dead(store)
    tags = {
        "harness.kind": "sweep",
        "harness.sweep": name,
        "harness.driver": store.driver,
        "harness.beat": str(time.time()),
    }
    run_id = store.create("", f"sweep {name}", tags)
    long = {"command": command, "spec": sweep.to_json(), "plan": _packed(planned)}
    for key, text in long.items():
        store.log(run_id, [], [], [RunTag(f"harness.{key}.{i:03}", part) for i, part in enumerate(_parts(text))])
    try:
        with heartbeat.driving(store.driver):
            yield Journal(store, run_id)
    finally:
        with suppress(StoreError), failures_told(store.uri):  # else the next driver closes it
            store.client.set_terminated(run_id, "FINISHED")


def read(store: Store, name: str | None = None) -> RecordedSweep:
    """The newest sweep, or the newest whose name begins so; HarnessError where there is none."""
    known: list[str] = []
    for run in store.search("", _SWEEPS):
        known.append(run.data.tags["harness.sweep"])
        if known[-1].startswith(name or ""):
            return _sweep(run)
    if not known:
        raise NoRecordsError(f"{store.uri} holds no sweep yet: harness run --arch lstm --task copy")
    raise UsageError(f"No sweep {name!r}. Newest first: {', '.join(dict.fromkeys(known))}.")


def _close_the_dead(store: Store) -> None:
    at_work = store.drivers()
    for run in store.search("", f"{_SWEEPS} and attributes.status = 'RUNNING'"):
        if run.data.tags["harness.driver"] not in at_work:
            with failures_told(store.uri):
                store.client.set_terminated(run.info.run_id, "KILLED")


def _sweep(run: Run) -> RecordedSweep:
    plan = tuple(Planned(*row) for row in json.loads(zlib.decompress(base64.b64decode(_text(run, "plan")))))
    return RecordedSweep(
        run.data.tags["harness.sweep"], _text(run, "spec"), _text(run, "command"), plan, run.info.start_time / 1000
    )


def _packed(planned: Sequence[Planned]) -> str:
    """Ten thousand runs in a score of tags."""
    rows = json.dumps([astuple(run) for run in planned])
    return base64.b64encode(zlib.compress(rows.encode())).decode()


def _parts(text: str) -> list[str]:
    return [text[begin : begin + _CHUNK] for begin in range(0, len(text), _CHUNK)]


def _text(run: Run, key: str) -> str:
    prefix = f"harness.{key}."
    return "".join(value for name, value in sorted(run.data.tags.items()) if name.startswith(prefix))
