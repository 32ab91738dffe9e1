"""What a run prints is kept in its record, and in no other."""

from harness.engines.local import Local

TALK = """
from torch import nn

class Talk(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.GRU(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        print("hello from forward")
        return self.rnn(x)[0]
"""


class Listener:
    def claim(self, key):
        return True

    def started(self, key): ...
    def progressed(self, key, progress): ...


def test_what_a_run_prints_is_in_its_record_alone(folder, small):
    (folder / "talk.py").write_text(TALK)
    engine = Local("cpu", 1)
    engine.submit("talk", small(architecture="./talk.py", label="talk"))
    engine.submit("lstm", small())
    records = {}
    while ended := engine.collect(Listener()):
        records |= dict(ended)
    assert {key: record.status for key, record in records.items()} == {"talk": "ok", "lstm": "ok"}
    assert "hello from forward" in records["talk"].output
    assert records["lstm"].output == ""
