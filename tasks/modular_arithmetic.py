"""Modular arithmetic: the value of an expression of small numbers, modulo 5."""

from __future__ import annotations

import random

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens

_OPERATORS = "+-*"
_MOST = 30  # the exact chance takes the powers of a matrix of modulus ** 2 rows


class ModularArithmetic(Task):
    """An expression, symbol by symbol, then `=`; the answer is its value modulo `modulus`.

    Examples modulo 5: `1 + 2 * 3 =` is answered by 2, `1 - 1 - 1 =` by 4, and with `brackets`
    `( ( 2 - 3 ) + ( - 1 ) ) =` by 3.

    `length` is the number of symbols before `=`. Without brackets, numbers and the operators +, - and * take turns,
    each drawn uniformly; multiplication comes first, as usual, and an even length has one symbol less. A state of a sum
    and a term is enough (`modulus` ** 2 values): a regular language. With `brackets`, the operators are + and -, a
    number may have a minus, and the depth of nesting has no bound: a stack is needed.
    """

    reference = (
        "Deletang et al. 2023, Neural Networks and the Chomsky Hierarchy, arXiv:2207.02098: 'modular arithmetic "
        "(simple)' and 'modular arithmetic'; lengths 3 to 40 in training, to 256 in tests: Grazzi et al. 2024, "
        "Unlocking State-Tracking in Linear RNNs Through Negative Eigenvalues, arXiv:2411.12537"
    )
    solved_at = 0.95
    default_lengths = (5, 11, 21, 41)
    readout = "last"

    inputs: Tokens
    targets: Classes

    def __init__(self, *, modulus: int = 5, brackets: bool = False) -> None:
        if not 2 <= modulus <= _MOST:
            raise ValueError(f"numbers are taken modulo 2 to {_MOST}, got modulus={modulus}")
        self.modulus, self.brackets = modulus, brackets
        self.min_length = 5 if brackets else 3
        numbers = [str(number) for number in range(modulus)]
        self.input_symbols = [*numbers, *("+-()" if brackets else _OPERATORS), "="]
        self.target_symbols = numbers
        self.inputs, self.targets = Tokens(len(self.input_symbols)), Classes(modulus)

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        if self.brackets:
            seeds = torch.randint(2**53, (batch_size,), generator=generator).tolist()
            rows, answers = zip(*(self._bracketed(random.Random(seed), length) for seed in seeds), strict=True)
            inputs, answer = torch.tensor(rows), torch.tensor(answers)[:, None]
        else:
            inputs = self._expressions(generator, batch_size, length)
            answer = self._progress(inputs)[:, -1:, 0]
        return Batch(inputs, answer, torch.ones_like(answer, dtype=torch.bool))

    def _expressions(self, generator: Generator, batch_size: int, length: int) -> Tensor:
        """Numbers and operators in turn, and `=`."""
        operators = (length - 1) // 2
        inputs = torch.full((batch_size, 2 * operators + 2), self.inputs.size - 1)
        inputs[:, 0:-1:2] = torch.randint(self.modulus, (batch_size, operators + 1), generator=generator)
        inputs[:, 1:-1:2] = self.modulus + torch.randint(3, (batch_size, operators), generator=generator)
        return inputs

    def _progress(self, inputs: Tensor) -> Tensor:
        """The sum of the finished terms and the term under way (-1: none) after each symbol, (batch, time, 2)."""
        total, term = torch.zeros_like(inputs[:, 0]), inputs[:, 0]
        after = [torch.stack([total, term], dim=1)]
        minus, times = self.modulus + 1, self.modulus + 2
        for operator, number in zip(inputs[:, 1::2].unbind(1), [*inputs[:, 2::2].unbind(1), None], strict=True):
            multiplies = operator == times
            total = torch.where(multiplies, total, (total + term) % self.modulus)
            after.append(torch.stack([total, torch.where(multiplies, term, -1)], dim=1))
            if number is None:
                break  # after `=`
            signed = torch.where(operator == minus, -number, number)
            term = torch.where(multiplies, term * number, signed) % self.modulus
            after.append(torch.stack([total, term], dim=1))
        return torch.stack(after, dim=1)

    def _bracketed(self, draw: random.Random, length: int) -> tuple[list[int], int]:
        """An expression of exactly `length` symbols and `=`, and its value, as published.

        With + and - only, the value is the sum of the numbers, each with the sign that its minuses give it.
        """
        symbols: list[str] = []
        value = 0
        todo: list[str | tuple[int, int]] = [(length, 1)]  # symbols to write, or (length, sign) of a part to be drawn
        while todo:
            part = todo.pop()
            if isinstance(part, str):
                symbols.append(part)
                continue
            size, sign = part
            if size >= 5:
                left = draw.randint(1, size - 4)
                operator = draw.choice("+-")
                right = (size - 3 - left, sign if operator == "+" else -sign)
                todo += [")", right, operator, (left, sign), "("]
                continue
            number = draw.randrange(self.modulus)
            value += number * (sign if size % 2 else -sign)  # a number n is written n, -n, (n) or (-n)
            written = ["-"] * (size % 2 == 0) + [str(number)]
            symbols += ["(", *written, ")"] if size >= 3 else written
        index = {symbol: number for number, symbol in enumerate(self.input_symbols)}
        return [index[symbol] for symbol in [*symbols, "="]], value % self.modulus

    def chance(self, length: int) -> float:
        """The share of the most frequent value, exactly: a walk over (sum, term). With brackets all are as likely."""
        m = self.modulus
        if self.brackets:
            return 1 / m
        total, term, number = torch.meshgrid(*[torch.arange(m)] * 3, indexing="ij")
        summed = (total + term) % m
        step = torch.zeros(m * m, m * m, dtype=torch.float64)
        for next_total, next_term in ((summed, number), (summed, -number % m), (total, term * number % m)):
            places = (total * m + term, next_total * m + next_term)
            step.index_put_(places, torch.tensor(1 / (3 * m), dtype=torch.float64), accumulate=True)
        begin = torch.zeros(m * m, dtype=torch.float64)
        begin[:m] = 1 / m
        ended = begin @ torch.linalg.matrix_power(step, (length - 1) // 2)
        values = torch.zeros(m, dtype=torch.float64).index_add_(0, summed[:, :, 0].flatten(), ended)
        return float(values.max())

    def remembered(self, batch: Batch) -> Tensor:
        """The sum of the finished terms and the term under way; with brackets the answer, at `=`."""
        if self.brackets:
            return torch.where(batch.inputs == self.inputs.size - 1, batch.targets, -1)
        return self._progress(batch.inputs)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """With brackets how many are open; without, whether the value so far is each of the numbers."""
        if self.brackets:
            opened, closed = (batch.inputs == self.input_symbols.index(bracket) for bracket in "()")
            return {"open brackets": (opened.long() - closed.long()).cumsum(dim=1).float()}
        value = self._progress(batch.inputs).clamp(min=0).sum(dim=2) % self.modulus
        return {f"the value so far is {number}": (value == number).float() for number in range(self.modulus)}
