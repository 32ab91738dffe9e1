import contextlib
import gc
import os
import subprocess
import sys

import pytest
import torch

from harness.errors import UsageError
from harness.process import gc_tuning
from harness.training import device

CPU = torch.device("cpu")


def test_auto_is_the_cpu_where_there_is_nothing_better(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.pick("auto") == CPU


def test_auto_prefers_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.pick("auto").type == "cuda"


def test_a_device_that_is_not_there_is_an_error_naming_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"--device cuda: .* There is: cpu"):
        device.pick("cuda")


def test_computing_flushes_denormals_with_one_thread_and_restores_both():
    torch.set_num_threads(2)
    with device.computing(CPU):
        assert torch.get_num_threads() == 1
        assert device.flushes_denormals()
        assert device.environment(CPU)["denormals_flushed"] == "true"
    assert torch.get_num_threads() == 2
    assert not device.flushes_denormals()
    torch.set_num_threads(1)


def test_computing_restores_after_an_error_too():
    with pytest.raises(RuntimeError), device.computing(CPU):
        raise RuntimeError
    assert not device.flushes_denormals()


def test_every_gpu_has_its_slots(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert device.slots(torch.device("cuda"), 2) == ["3", "5", "3", "5"]
    assert device.slots(CPU, 2) == []


def test_workers_share_the_memory_of_the_machine():
    assert device.memory_share(CPU, 4) * 4 <= device.memory_share(CPU, 1)
    assert device.memory_share(torch.device("cuda"), 1) is None


def test_one_accelerator_of_a_mac_has_one_worker_unless_more_are_asked_for():
    assert len(device.slots(torch.device("mps"), 1)) == 1
    assert len(device.slots(torch.device("mps"), 2)) == 2


GROUPS = {
    "version 2": ("0::/box/job", {"box/cpu.max": "max 100000", "box/job/cpu.max": "250000 100000"}, "memory.max"),
    "version 1": (
        "3:cpu,cpuacct:/box\n2:memory:/box\n1:name=systemd:/\n0::/",
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/box/cpu.cfs_quota_us": "250000", "cpu/box/cpu.cfs_period_us": "100000"},
        "memory/memory.limit_in_bytes",
    ),
    "the path of the host": ("0::/docker/4f1a", {"cpu.max": "250000 100000"}, "memory.max"),
}


@pytest.mark.parametrize(("ours", "files", "memory"), GROUPS.values(), ids=list(GROUPS))
def test_limits_of_a_container_count(tmp_path, monkeypatch, ours, files, memory):
    for name, text in {**files, memory: str(2**30)}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "ours").write_text(ours + "\n")
    monkeypatch.setattr("harness.process.cgroup._MOUNTED", tmp_path)
    monkeypatch.setattr("harness.process.cgroup._OURS", tmp_path / "ours")
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert device.cores() == 2
    assert device.memory_share(CPU, 3) == int(0.9 * 2**30) // 3


@pytest.mark.parametrize("ours", ["0::/", "nonsense", None])
def test_without_limits_the_machine_counts(tmp_path, monkeypatch, ours):
    if ours is not None:
        (tmp_path / "ours").write_text(ours)
    monkeypatch.setattr("harness.process.cgroup._MOUNTED", tmp_path)
    monkeypatch.setattr("harness.process.cgroup._OURS", tmp_path / "ours")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert device.cores() == 8
    assert device.memory_share(CPU, 1) > 2**30


def test_the_environment_names_versions_device_and_threads():
    found = device.environment(CPU)
    assert found["version.torch"] == torch.__version__
    assert found["device"] == "cpu"
    assert {"version.python", "version.mlflow", "threads", "platform", "device.name"} <= set(found)


@pytest.fixture
def gpu(monkeypatch):
    """A device of CUDA's kind where there is none: only its flags are looked at."""
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: contextlib.nullcontext())
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    return torch.device("cuda")


def flags():
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32


def test_a_gpu_computes_deterministically_in_whole_float32_and_its_flags_are_put_back(gpu, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    before = flags()
    with device.computing(gpu):
        assert flags() == (True, False, False, False)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert flags() == before
    with pytest.raises(RuntimeError), device.computing(gpu):
        raise RuntimeError
    assert flags() == before
    assert before != (True, False, False, False)


def test_a_workspace_that_the_user_chose_stays(gpu, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with device.computing(gpu):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_on_the_cpu_a_gpus_flags_are_left_alone():
    before = flags()
    with device.computing(CPU):
        assert flags() == before


STEPS = """
import resource, torch
from harness.training.device import computing

layer, x = torch.nn.LSTM(8, 128, batch_first=True), torch.randn(32, 200, 8)
with computing(torch.device("cpu")):
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        layer(x)[0].sum().backward()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not device._glibc(), reason="only glibc's allocator can be told")
def test_memory_that_a_step_frees_is_not_asked_for_again():
    """Every page that is asked for anew is a fault; as torch comes these are thousands for each step of this size."""
    said = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True).stdout
    assert min(map(int, said.split()[4:])) < 1000


def test_rings_of_garbage_are_found_as_usual_where_models_are_trained():
    gc_tuning.restore_collection()
    usual = gc.get_threshold()
    gc_tuning.defer_collection()
    assert gc.get_threshold() > usual
    with device.computing(torch.device("cpu")):
        assert gc.get_threshold() == usual
