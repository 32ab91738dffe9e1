"""The comparison as a person writes it in an afternoon: nothing of the harness, and no care taken for speed.

nn.RNN, nn.LSTM and nn.GRU on adding and copy, a Dataset that makes one sequence at a time, a DataLoader, one run after
another, torch as it comes. `whole_comparison.py` runs it, and may run it alone:

    python benchmarks/plain.py --steps 300 --seeds 3
"""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

BATCH, HIDDEN, LR = 32, 96, 0.005
SYMBOLS, ALPHABET = 10, 8


class Adding(Dataset):
    inputs, outputs = 2, 1

    def __init__(self, length, sequences):
        self.length, self.sequences = length, sequences

    def __len__(self):
        return self.sequences

    def __getitem__(self, index):
        half = self.length // 2
        numbers, markers = torch.rand(self.length), torch.zeros(self.length)
        first, second = int(torch.randint(0, half, (1,))), int(torch.randint(half, self.length, (1,)))
        markers[first] = markers[second] = 1
        return torch.stack([numbers, markers], dim=1), numbers[first] + numbers[second]


class Copy(Dataset):
    inputs, outputs = ALPHABET + 2, ALPHABET + 1

    def __init__(self, length, sequences):
        self.length, self.sequences = length, sequences

    def __len__(self):
        return self.sequences

    def __getitem__(self, index):
        symbols = torch.randint(0, ALPHABET, (SYMBOLS,))
        blanks = torch.full((self.length - 1,), ALPHABET)
        end = torch.full((SYMBOLS,), ALPHABET)
        inputs = torch.cat([symbols, blanks, torch.tensor([ALPHABET + 1]), end])
        targets = torch.cat([torch.full((SYMBOLS + self.length,), ALPHABET), symbols])
        return nn.functional.one_hot(inputs, self.inputs).float(), targets


class Network(nn.Module):
    def __init__(self, layer, inputs, outputs):
        super().__init__()
        self.recurrent = layer(inputs, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, outputs)

    def forward(self, x):
        return self.head(self.recurrent(x)[0])


def loss_of(model, task, x, y):
    if task is Adding:
        return nn.functional.mse_loss(model(x)[:, -1, 0], y)
    return nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())


def train(layer, task, length, steps, seed, held_out):
    """Trains `steps` steps; validates after each hundred, and tests at the end, as the harness does."""
    torch.manual_seed(seed)
    model = Network(layer, task.inputs, task.outputs)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, betas=(0.9, 0.95))
    validation, test = held_out
    for step, (x, y) in enumerate(DataLoader(task(length, steps * BATCH), batch_size=BATCH), 1):
        optimizer.zero_grad()
        loss_of(model, task, x, y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            evaluate(model, task, length, validation)
    return evaluate(model, task, length, test)


@torch.no_grad()
def evaluate(model, task, length, sequences):
    losses = [float(loss_of(model, task, x, y)) for x, y in DataLoader(task(length, sequences), batch_size=250)]
    return sum(losses) / len(losses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--held-out", type=int, nargs=2, default=[500, 2000], metavar=("VALIDATION", "TEST"))
    arguments = parser.parse_args()
    for task, length in ((Adding, 200), (Copy, 100)):
        for layer in (nn.RNN, nn.LSTM, nn.GRU):
            for seed in range(arguments.seeds):
                loss = train(layer, task, length, arguments.steps, seed, arguments.held_out)
                print(f"{layer.__name__} on {task.__name__} T={length}, seed {seed}: test loss {loss:.4f}", flush=True)
