"""Eager, compiled and recorded passes: the same loss and the same gradients, where they can be had."""

import shutil

import pytest
import torch

from harness.errors import RefusedError
from harness.run import run
from harness.training.build import build_model, build_task
from harness.training.data import batches, to_device
from harness.training.device import computing
from harness.training.execution import loss_function, refuse_execution
from harness.training.model import Model
from harness.training.optimizer import make_optimizer

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def losses_and_gradients(spec, execution, device):
    """Of three batches, each after the other, of the same model each time."""
    task = build_task(spec.task, spec.task_options)
    model = build_model(spec, task).to(device)
    loss, found = loss_function(model, execution), []
    for batch in batches(task, 0, "train", spec.length, [4] * 3):
        model.zero_grad()
        value = loss(to_device(batch, device))
        value.backward()
        found += [value.detach(), *(parameter.grad.clone() for parameter in model.parameters())]
    return found


def test_cuda_graphs_without_a_gpu_are_a_refusal_that_says_what_there_is(small):
    record = run(small(execution="cuda-graphs"), CPU)
    assert (record.status, record.reason) == (
        "refused",
        "--execution cuda-graphs needs a CUDA GPU, and this is cpu: eager, or compile.",
    )


@pytest.mark.parametrize("execution", ["compile", "cuda-graphs"])
def test_pieces_of_sequences_have_no_one_shape_to_record(small, execution):
    with pytest.raises(
        RefusedError, match=f"--execution {execution} needs batches of one shape, and --tbptt cuts them"
    ):
        refuse_execution(small(execution=execution, tbptt=2), CUDA)


@pytest.fixture
def recorder(monkeypatch):
    """Stands for CUDA's recording, on any device: it must be given a module and tensors, and is called with tensors."""
    recorded = []

    def record(module, samples, allow_unused_input):
        assert all(isinstance(sample, torch.Tensor) for sample in samples)
        recorded.append(module)
        return module

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    return recorded


@pytest.mark.parametrize("task", ["copy", "adding", "recite"])
def test_what_is_recorded_is_the_loss_of_each_batch(small, recorder, task):
    spec = small(task=task, length=6)
    with computing(CPU):
        eager, graphed = (losses_and_gradients(spec, how, CPU) for how in ("eager", "cuda-graphs"))
    assert all(torch.equal(*pair) for pair in zip(eager, graphed, strict=True))
    assert len(recorder) == 1  # once, for all batches
    assert not torch.equal(eager[0], eager[len(eager) // 3])  # the batches differ


def test_padded_sequences_are_not_recorded(small, recorder):
    task = build_task("adding", {"variant": "hochreiter"})
    batch = next(batches(task, 0, "train", 20, [4]))
    model: Model = build_model(small(task="adding", length=20), task)
    with pytest.raises(RefusedError, match="this task pads: use eager"):
        loss_function(model, "cuda-graphs")(batch)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="generated loops need a C compiler")
@pytest.mark.parametrize("architecture", ["rnn", "mgu"])
def test_a_compiled_loss_is_the_eager_one_but_for_rounding(small, architecture):
    spec = small(architecture=architecture, length=4)
    with computing(CPU):
        eager, compiled = (losses_and_gradients(spec, how, CPU) for how in ("eager", "compile"))
    torch.testing.assert_close(compiled, eager)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="generated loops need a C compiler")
@pytest.mark.parametrize(
    ("architecture", "execution", "kernel"),
    [("mgu", "eager", "torch"), ("mgu", "compile", "generated loop"), ("lstm", "compile", "installed loop")],
)
def test_the_record_says_which_kernel_computed_a_run(small, architecture, execution, kernel):
    record = run(small(architecture=architecture, execution=execution), CPU)
    assert record.status == "ok", record.reason
    assert record.environment["kernel"].partition(" (")[0] == kernel


@pytest.mark.parametrize("changes", [{"tbptt": 2}, {"length_from": 3}], ids=str)
def test_generated_loops_take_sequences_of_any_length(small, changes):
    refuse_execution(small(execution="compile", length=8, **changes), CPU)


@on_cuda
@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru", "mgu"])
def test_a_recorded_loss_is_the_eager_one_on_a_gpu(small, architecture):
    spec = small(architecture=architecture, length=10)
    with computing(CUDA):
        eager, graphed = (losses_and_gradients(spec, how, CUDA) for how in ("eager", "cuda-graphs"))
    torch.testing.assert_close(graphed, eager)


@on_cuda
@pytest.mark.parametrize("execution", ["eager", "cuda-graphs"])
def test_a_training_step_does_not_wait_for_the_gpu(small, execution):
    """torch raises where an operation waits for the device."""
    spec = small(architecture="lstm", task="copy", length=10)
    task = build_task(spec.task, {})
    with computing(CUDA):
        model = build_model(spec, task).to(CUDA)
        loss, stream = loss_function(model, execution), batches(task, 0, "train", 10, [4] * 4)
        optimizer = make_optimizer(model, spec)

        def step():
            optimizer.zero_grad()
            loss(to_device(next(stream), CUDA)).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

        step()
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(3):
                step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
