import pytest
import torch

from harness import device
from harness.errors import UsageError

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


def test_the_environment_names_versions_device_and_threads():
    found = device.environment(CPU)
    assert found["version.torch"] == torch.__version__
    assert found["device"] == "cpu"
    assert {"version.python", "version.mlflow", "threads", "platform", "device.name"} <= set(found)
