"""Random nestings of brackets: what opens and closes where, and inside what. A file of its own, to be read alone.

A nesting is `( inside ) rest`: every size of the inside is equally likely, and both parts are nestings again. So
brackets of every span are about equally common on a logarithmic scale, and the depth grows only as the logarithm of the
length: longer strings ask for longer memory, not for a much larger one. (Drawn uniformly from all nestings of a length,
nearly all spans stay short and the depth grows as the square root.) The very first bracket is made to span at least
half of the string, so that there always is something to remember.

The shape is that of a random search tree, and so of the tree over random ranks whose root is the highest: bracket i
closes i-th, holds the brackets back to the nearest higher rank before it, and lies inside the nearest higher rank after
it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


class Nesting(NamedTuple):
    """Brackets in the order in which they close; each tensor is int64 of shape (batch, pairs)."""

    opens: Tensor  # step
    closes: Tensor  # step
    around: Tensor  # number of the innermost bracket around it; `pairs` if there is none


def random_nesting(generator: Generator, batch_size: int, pairs: int) -> Nesting:
    """Nestings of 2 x pairs steps, pairs >= 2."""
    rank = torch.rand(batch_size, pairs, generator=generator, dtype=torch.float64)  # float32 has ties now and then
    root = torch.randint(pairs - pairs // 2, pairs, (batch_size, 1), generator=generator)
    rank.scatter_(1, root, 2.0)
    before, after = _last_higher(torch.cat([rank, rank.flip(1)])).chunk(2)
    number = torch.arange(pairs)
    started = torch.zeros_like(before).scatter_add_(1, before + 1, torch.ones_like(before))
    closes = number + started.cumsum(dim=1)  # `number` brackets have closed and these have opened
    return Nesting(closes - 2 * (number - before) + 1, closes, pairs - 1 - after.flip(1))


def innermost_open(symbols: Tensor) -> Tensor:
    """What the innermost open bracket is after each step, -1 where none is open; (batch, time), as `symbols` are.

    `symbols` holds the kind of each opener, and -1 for a closer of any kind.
    """
    opens = symbols >= 0
    depth = torch.where(opens, 1, -1).cumsum(dim=1)
    stack = symbols.new_full((len(symbols), symbols.shape[1] + 1), -1)  # stack[:, d]: the kind opened at depth d
    after = []
    for symbol, is_opener, deep in zip(symbols.unbind(1), opens.unbind(1), depth[:, :, None].unbind(1), strict=True):
        stack.scatter_(1, deep, torch.where(is_opener, symbol, stack.gather(1, deep)[:, 0])[:, None])
        after.append(stack.gather(1, deep)[:, 0])
    return torch.stack(after, dim=1)


def mean_outermost(pairs: int) -> float:
    """Expected number of brackets with nothing around them: the harmonic number of half the pairs.

    The rest after the first bracket has 0 .. pairs // 2 - 1 pairs, equally likely; a random search tree of m nodes has
    on average the m-th harmonic number of nodes on its right edge.
    """
    return sum(1 / k for k in range(1, pairs // 2 + 1))


def _last_higher(rank: Tensor) -> Tensor:
    """For each entry of a row the index of the nearest higher one on its left, or -1."""
    rank = F.pad(rank, (1, 0), value=torch.inf)
    found = (torch.arange(rank.shape[1]) - 1).clamp(min=0).expand(rank.shape)
    while (lower := rank.gather(1, found) < rank).any():
        found = torch.where(lower, found.gather(1, found), found)  # whatever lies between is lower still
    return found[:, 1:] - 1
