"""Runs fused kernels (one layer, one direction) with the state batch first and rows of unlike length."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from harness.architecture import State

from ._recurrence import fits, recur


def run_fused(kernel: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
    """Outputs (batch, time, hidden_size), zero after a row's last valid step, and the state after that step.

    The state is h, or (h, c) for an LSTM, each (batch, hidden_size); lengths are on the CPU, from 1 to time.
    """
    if lengths is not None and int(lengths.min()) == x.shape[1]:
        lengths = None
    if fits(kernel, x, state):
        return ended(recur(kernel, x, state), lengths)
    if isinstance(kernel, nn.LSTM) and _lacks_bfloat16(x):
        with torch.autocast("cpu", enabled=False):
            return _run_torch(kernel, x.float(), state, lengths)
    return _run_torch(kernel, x, state, lengths)


def _lacks_bfloat16(x: Tensor) -> bool:
    """Whether torch's LSTM would fail under autocast: oneDNN has none in bfloat16 for CPUs without AVX-512."""
    if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    return not torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _run_torch(kernel: nn.RNNBase, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
    if lengths is not None and isinstance(kernel, nn.LSTM):
        return _run_packed(kernel, x, _layer_first(state), lengths)
    out, after = kernel(x, _layer_first(state))
    return (out, _batch_first(after)) if lengths is None else ended((out,), lengths)


def ended(after: tuple[Tensor, ...], lengths: Tensor | None) -> tuple[Tensor, State]:
    """From h, or h and c, after every step (batch, time, hidden_size): on a CPU up to twice as fast as packing."""
    out = after[0]
    if lengths is None:
        last = tuple(part[:, -1].clone() for part in after)
    else:
        lengths = lengths.to(out.device)
        steps, rows = torch.arange(out.shape[1], device=out.device), torch.arange(out.shape[0], device=out.device)
        out = out.masked_fill((steps >= lengths.unsqueeze(1)).unsqueeze(2), 0.0)
        last = tuple(part[rows, lengths - 1] for part in after)
    return out, last if len(last) > 1 else last[0]


def _run_packed(kernel: nn.LSTM, x: Tensor, before: State, lengths: Tensor) -> tuple[Tensor, State]:
    """For torch's LSTM, whose cell state c at a row's last step only a packed pass gives."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    out, after = kernel(packed, before)
    out, _ = pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])
    return out, _batch_first(after)


def _layer_first(state: State) -> State:
    if isinstance(state, tuple):
        return tuple(_layer_first(part) for part in state)
    return None if state is None else state.unsqueeze(0).contiguous()  # cuDNN wants it contiguous


def _batch_first(state: State) -> State:
    return tuple(_batch_first(part) for part in state) if isinstance(state, tuple) else state.squeeze(0)
