"""Parenthesis matching: which brackets are open, what may follow, is the string well nested?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens, refuse_unknown

from ._nesting import Nesting, innermost_open, mean_outermost, random_nesting

Variant = Literal["closing", "counting", "next", "balanced"]
# closing: an LSTM of 128 units at length 50 is right in 96 / 80 / 62 % for 2 / 4 / 8 kinds after 1200 steps (two
# seeds), and chance is 50 / 25 / 12.5 %: 4 leaves the widest span between chance and what is learned in little time.
_KINDS = {"closing": 4, "counting": 10, "next": 2, "balanced": 2}
_FEWEST_KINDS = {"closing": 2, "counting": 1, "next": 1, "balanced": 2}  # one kind alone would have one answer
_MOST_OPEN = 10


class Parentheses(Task):
    """Strings of brackets of several kinds; four tasks go by this name, and `variant` chooses one.

    - closing: `length` symbols of a nesting; at every step, which kind of bracket must be closed next, or that none is
      open. Example: after `( [ x` comes the closer of `(`. All closing brackets are shown as one symbol x, since their
      kind is the question. Scored where the innermost open bracket was opened at least `distance` x `length` steps ago.
    - counting: `length` symbols, openers, closers and noise, a third each; at every step, how many of each kind are
      open, 0 to 10. Scored at the last step.
    - next: `length` symbols of a nesting; at every step, which symbols may follow. Example: after `( [` any opener and
      `]`. The accuracy is over single answers, most of which need no memory, so chance is high: look at the exact
      match too, the share of strings that are right at every step, which is what is published.
    - balanced: is the string well nested? In half of the strings the closers of two brackets of unlike kind are
      swapped, as in `( [ ) ]`, so neither counting nor depth tells. The two are drawn in proportion to their spans:
      short and long ones, early and late ones are swapped, and the verdict must be kept to the end. An odd length is
      rounded up.

    A nesting cut at an odd length lacks its last closer. `kinds` is how many kinds of brackets there are; without it,
    as many as published (10 for counting, 2 for next and balanced), and 4 for closing, where chance is 1 in `kinds`.
    """

    reference = (
        "closing: after Hewitt et al. 2020, RNNs can generate bounded hierarchical languages with optimal memory; "
        "counting: Collins, Sohl-Dickstein & Sussillo 2017; next: Suzgun et al. 2019, Bhattamishra et al. 2020; "
        "balanced: Butoi et al. 2025"
    )
    min_length = 4

    def __init__(self, *, variant: Variant = "closing", kinds: int | None = None, distance: float = 0.25) -> None:
        refuse_unknown("variant of parentheses", variant, get_args(Variant))
        kinds = _KINDS[variant] if kinds is None else kinds
        if kinds < _FEWEST_KINDS[variant]:
            raise ValueError(f"{variant} needs kinds >= {_FEWEST_KINDS[variant]}, got kinds={kinds}")
        if not 0 <= distance <= 0.5:
            raise ValueError(f"distance is a share of the length, 0 to 0.5, got distance={distance}")
        if variant != "closing" and distance != 0.25:
            raise ValueError(f"distance belongs to variant='closing', got variant={variant!r}: leave distance out")
        self.variant, self.kinds, self.distance = variant, kinds, distance
        self.needs_causal = variant == "next"
        self.solved_at = 0.99 if variant == "next" else 0.95  # next: chance is about 0.9 of the single answers
        self.readout = "last" if variant == "balanced" else "each"
        self.inputs = Tokens({"closing": kinds + 1, "counting": 3 * kinds}.get(variant, 2 * kinds))
        self.input_symbols, self.target_symbols, self.entry_symbols = self._symbols()
        self.input_aliases = dict.fromkeys(")]}>", "x") if variant == "closing" else {}
        self.targets = {
            "closing": Classes(kinds + 1),  # the last class: nothing is open
            "counting": Classes(_MOST_OPEN + 1, entries=kinds),
            "next": Classes(2, entries=2 * kinds),
            "balanced": Classes(2),
        }[variant]

    def _symbols(self) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
        """Texts for the inputs, the classes and the entries of the targets."""
        few = self.kinds <= 4
        openers = [("([{<"[kind] if few else f"({kind}") for kind in range(self.kinds)]
        closers = [(")]}>"[kind] if few else f"){kind}") for kind in range(self.kinds)]
        if self.variant == "closing":
            return [*openers, "x"], [*closers, "none"], ()
        if self.variant == "counting":
            noise = [f"n{kind}" for kind in range(self.kinds)]
            return [*openers, *closers, *noise], (), [f"kind {kind}" for kind in range(self.kinds)]
        both = [*openers, *closers]
        return (both, ("no", "yes"), ()) if self.variant == "balanced" else (both, ("no", "yes"), both)

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        if self.variant == "counting":
            return self._counting(generator, batch_size, length)
        nesting = random_nesting(generator, batch_size, (length + 1) // 2)
        kind = torch.randint(self.kinds, nesting.opens.shape, generator=generator)
        if self.variant == "balanced":
            return self._balanced(generator, nesting, kind)
        return self._closing(nesting, kind, length) if self.variant == "closing" else self._next(nesting, kind, length)

    def _closing(self, nesting: Nesting, kind: Tensor, length: int) -> Batch:
        inputs = _per_step(nesting, kind, torch.full_like(kind, self.kinds))[:, :length]
        opened = F.pad(nesting.opens, (0, 1), value=len(nesting.opens[0]) * 2).gather(1, nesting.around)
        age = nesting.closes - opened  # of the innermost open bracket after each closer; negative where none is open
        scored = age >= self.distance * length
        mask = _per_step(nesting, torch.zeros_like(scored), scored)[:, :length]
        targets = self._innermost(nesting, kind)[:, :length]
        return Batch(inputs, targets, mask, loss_mask=torch.ones_like(mask))

    def _next(self, nesting: Nesting, kind: Tensor, length: int) -> Batch:
        inputs = _per_step(nesting, kind, self.kinds + kind)[:, :length]
        closers = F.one_hot(self._innermost(nesting, kind)[:, :length], self.kinds + 1)[:, :, : self.kinds]
        targets = torch.cat([torch.ones_like(closers), closers], dim=2)  # an opener may always follow
        return Batch(inputs, targets, torch.ones_like(inputs, dtype=torch.bool))

    def _innermost(self, nesting: Nesting, kind: Tensor) -> Tensor:
        """The kind of the innermost open bracket after each step, `kinds` where nothing is open."""
        return _per_step(nesting, kind, F.pad(kind, (0, 1), value=self.kinds).gather(1, nesting.around))

    def _balanced(self, generator: Generator, nesting: Nesting, kind: Tensor) -> Batch:
        luck = torch.rand(kind.shape, generator=generator).log() / (nesting.closes - nesting.opens)
        pair = luck.topk(2, dim=1).indices  # drawn in proportion to the span (exponential races)
        one, other = pair.chunk(2, dim=1)
        unlike = 1 + torch.randint(self.kinds - 1, one.shape, generator=generator)
        kind.scatter_(1, other, (kind.gather(1, one) + unlike) % self.kinds)  # in good strings too: the two differ
        balanced = torch.rand(one.shape, generator=generator) < 0.5
        swapped = kind.scatter(1, pair, kind.gather(1, pair.flip(1)))
        inputs = _per_step(nesting, kind, self.kinds + torch.where(balanced, kind, swapped))
        return Batch(inputs, balanced.long(), torch.ones_like(balanced))

    def _counting(self, generator: Generator, batch_size: int, length: int) -> Batch:
        inputs = torch.randint(3 * self.kinds, (batch_size, length), generator=generator)
        shown = F.one_hot(inputs, 3 * self.kinds)
        change = shown[:, :, : self.kinds] - shown[:, :, self.kinds : 2 * self.kinds]
        count, counts = torch.zeros_like(change[:, 0]), []
        for step in change.unbind(dim=1):
            count = (count + step).clamp_(0, _MOST_OPEN)
            counts.append(count)
        mask = torch.zeros_like(inputs, dtype=torch.bool)
        mask[:, -1] = True
        return Batch(inputs, torch.stack(counts, dim=1), mask, loss_mask=torch.ones_like(mask))

    def remembered(self, batch: Batch) -> Tensor:
        """The kind of the innermost open bracket, -1 where none is open; `counting`: how many of each kind are open."""
        if self.variant == "counting":
            return batch.targets
        return innermost_open(torch.where(batch.inputs < self.kinds, batch.inputs, -1))

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """How many brackets are open (`counting`: of each kind), and of what kind the innermost one is."""
        held = self.remembered(batch)
        if self.variant == "counting":
            counts = {f"open brackets of kind {k}": count.float() for k, count in enumerate(held.unbind(dim=2))}
            return {"open brackets": held.sum(dim=2).float(), **counts}
        depth = torch.where(batch.inputs < self.kinds, 1, -1).cumsum(dim=1)
        innermost = {f"innermost bracket is of kind {k}": (held == k).float() for k in range(self.kinds)}
        return {"open brackets": depth.float(), **innermost}

    def chance(self, length: int) -> float:
        """Exact: of the most frequent answers, given the symbol of the step."""
        if self.variant == "counting":
            return self._chance_counting(length)
        if self.variant == "next":
            return self._chance_next(length)
        return 0.5 if self.variant == "balanced" else 1 / self.kinds

    def _chance_counting(self, length: int) -> float:
        """Each count is a walk on 0..10, which an opener or a closer of its kind at the last step has just moved."""
        moved = 1 / (3 * self.kinds)
        up = torch.diag(torch.ones(_MOST_OPEN, dtype=torch.float64), 1)
        up[-1, -1] = 1
        down, stay = up.flip(0, 1), torch.eye(_MOST_OPEN + 1, dtype=torch.float64)
        before = torch.linalg.matrix_power(moved * (up + down) + (1 - 2 * moved) * stay, length - 1)[0]
        likeliest = [float((before @ last).max()) for last in (up, down, stay)]
        return moved * (likeliest[0] + likeliest[1]) + (1 - 2 * moved) * likeliest[2]

    def _chance_next(self, length: int) -> float:
        """Only which closer may follow a closer is in doubt: each with the same probability, if any bracket is open."""
        closers = length // 2
        none_open = mean_outermost((length + 1) // 2) - length % 2  # an odd length is cut before the last one
        valid = (1 - none_open / closers) / self.kinds
        return 1 - closers / length * min(valid, 1 - valid) / 2


def _per_step(nesting: Nesting, at_opener: Tensor, at_closer: Tensor) -> Tensor:
    """Values of shape (batch, pairs) laid out over the steps at which the brackets open and close."""
    pairs = torch.cat([at_opener, at_closer], dim=1)
    return torch.empty_like(pairs).scatter_(1, torch.cat([nesting.opens, nesting.closes], dim=1), pairs)
