"""Whether a driver is still there."""

import os
import subprocess
import sys
import time

from harness.process import heartbeat


def test_a_driver_in_this_process_is_alive_while_it_is_at_work():
    one, other = heartbeat.driver_name(), heartbeat.driver_name()
    assert one != other
    with heartbeat.driving(one):
        assert not heartbeat.is_stale(one, 0.0)
        assert heartbeat.is_stale(other, 0.0)
    assert heartbeat.is_stale(one, 0.0)


def test_a_process_that_ended_is_not_alive():
    ended = subprocess.run(
        [sys.executable, "-c", "from harness.process.heartbeat import driver_name; print(driver_name())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert heartbeat.is_stale(ended.stdout.strip(), time.time())


def test_another_process_with_its_number_is_not_it():
    host, _, _, mark = heartbeat.driver_name().rsplit("/", 3)
    parent = os.getppid()
    began = heartbeat._start_time(parent)
    assert not heartbeat.is_stale(f"{host}/{parent}/{began}/{mark}", 0.0)
    assert heartbeat.is_stale(f"{host}/{parent}/{began}0/{mark}", time.time())


def test_on_another_machine_a_driver_lives_as_long_as_it_is_heard_of():
    elsewhere = "far.example/1/1/abc"
    assert not heartbeat.is_stale(elsewhere, time.time() - 60)
    assert heartbeat.is_stale(elsewhere, time.time() - 3600)
