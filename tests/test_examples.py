"""The notebooks of `examples/` run from start to end, with small settings; what they store is what they put out."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "examples").glob("*.ipynb"))
SMALL = {
    "long-term-dependencies": "STEPS, SEEDS, LENGTHS, COMPARED = 4, 1, [2, 3, 4], 2",
    "my-cell-against-the-field": 'FIELD, LENGTHS, PARAMS, STEPS, TRIALS, SEEDS = ["gru"], [4, 6], "1k", 4, 2, 2',
}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem != "long-term-dependencies"))
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_runs_from_start_to_end(path, folder, empty_store):
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    notebook = nbformat.read(path, as_version=4)
    place = next(n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(SMALL[path.stem]))
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    shown = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert "image/png" in shown
    assert "<table>" in shown
    assert "Traceback" not in shown
    assert "Warning" not in shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_the_outputs_of_one_run(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert "/tmp/" not in path.read_text(encoding="utf-8")
