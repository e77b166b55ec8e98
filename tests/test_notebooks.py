"""Every notebook runs from top to bottom, and is stored without outputs."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def name_of(path: Path) -> str:
    return path.name


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_stored_without_outputs(path):
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_opens_in_colab_and_installs_itself(path):
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    text = "".join("".join(cell["source"]) for cell in cells(path))
    assert f"notebooks/{path.name}" in text and "colab-badge.svg" in text
    assert "pip install" in "".join(code[0]["source"])


@pytest.mark.notebooks
@pytest.mark.filterwarnings("default")  # the kernel's packages warn in their own name
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_runs(path, tmp_path, monkeypatch):
    """In a kernel of its own, small sizes; the cell that installs the package is left out."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("DYNNETS_FAST", "1")
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "pip install" not in cell.source]
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    assert all(cell.get("execution_count") for cell in notebook.cells if cell.cell_type == "code")
