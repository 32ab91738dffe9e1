"""What `harness bench` prints: what 80 columns hold by itself, everything on request."""

from __future__ import annotations

import pytest

from harness.bench_record import Row
from harness.cli import _bench_output as output

KERNELS = ("compiled loop", "fused oneDNN kernel", "many small operations")


@pytest.fixture
def rows():
    return [
        Row(label, 3200, kind, "", 0.1234, 0.12, 0.13, 15, 475_123.4, 1e9, 2e9, 0.12, 2**24, 38_497, 256, kernel)
        for label, kernel in zip(("rnn", "bidirectional:lstm", "./my_cell"), KERNELS, strict=True)
        for kind in ("forward", "backward", "step")
    ]


def printed(table, width):
    from rich.console import Console

    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_time_tokens_and_kernel_are_whole_at_80_columns(rows):
    text = printed(output._table(rows, with_memory=False, details=False), 80)
    assert "…" not in text
    assert text.count("123 ") >= 9
    assert text.count("475,123") == 9
    for kernel in KERNELS:
        assert all(word in text for word in kernel.split())


def test_the_rest_is_shown_on_request(rows):
    text = printed(output._table(rows, with_memory=True, details=True), 200)
    for said in ("quartiles", "120-130", "of product", "12.0%", "38,497", "256", "16 MiB"):
        assert said in text
    assert "quartiles" not in printed(output._table(rows, with_memory=False, details=False), 200)


def test_a_reason_stands_where_there_is_no_time():
    failed = Row("lstm", 50, "step", "OutOfMemoryError: no")
    text = printed(output._table([failed], with_memory=True, details=True), 200)
    assert "OutOfMemoryError: no" in text
    assert "nan" not in text
