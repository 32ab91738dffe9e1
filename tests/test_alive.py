"""Whether a driver is still there."""

import os
import subprocess
import sys
import time

from harness import alive


def test_a_driver_in_this_process_is_alive_while_it_is_at_work():
    one, other = alive.driver_name(), alive.driver_name()
    assert one != other
    with alive.at_work(one):
        assert alive.is_alive(one, 0.0)
        assert not alive.is_alive(other, 0.0)
    assert not alive.is_alive(one, 0.0)


def test_a_process_that_ended_is_not_alive():
    ended = subprocess.run(
        [sys.executable, "-c", "from harness.alive import driver_name; print(driver_name())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not alive.is_alive(ended.stdout.strip(), time.time())


def test_another_process_with_its_number_is_not_it():
    host, _, _, mark = alive.driver_name().rsplit("/", 3)
    parent = os.getppid()
    began = alive._began(parent)
    assert alive.is_alive(f"{host}/{parent}/{began}/{mark}", 0.0)
    assert not alive.is_alive(f"{host}/{parent}/{began}0/{mark}", time.time())


def test_on_another_machine_a_driver_lives_as_long_as_it_is_heard_of():
    elsewhere = "far.example/1/1/abc"
    assert alive.is_alive(elsewhere, time.time() - 60)
    assert not alive.is_alive(elsewhere, time.time() - 3600)
