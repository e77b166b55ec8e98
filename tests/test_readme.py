"""README runs: its Python blocks top to bottom, its paths and its make targets exist."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.M | re.S)


def test_the_two_commands_come_first():
    lines = blocks("sh")[0].splitlines()
    assert [line.split("#")[0].strip() for line in lines[:2]] == ["make demo", "make test"]


def test_python_blocks_run_in_order():
    """In a process and a folder of their own, as a reader would paste them; small sizes."""
    code = blocks("python")
    if not code:
        pytest.skip("README has no Python block")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "readme.py"
        script.write_text("\n\n".join(code), encoding="utf-8")
        environment = os.environ | {"DYNNETS_FAST": "1", "MPLBACKEND": "agg"}
        done = subprocess.run(
            [sys.executable, script.name],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def table_paths() -> list[str]:
    """Every `path` in the rows of the table that says where a paper's idea lives."""
    section = TEXT.split("## Papers and where they live")[1].split("\n## ")[0]
    rows = [line for line in section.split("\n") if line.startswith("| ")][1:]
    return [path for row in rows for path in re.findall(r"`([\w/.-]+/[\w/.-]+)`", row)]


@pytest.mark.parametrize("path", table_paths())
def test_the_table_of_papers_names_files_that_exist(path):
    assert (ROOT / path).exists()


def test_the_table_of_papers_is_read():
    assert len(table_paths()) >= 5


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w][\w/.-]*)\)", TEXT))))
def test_links_into_the_repository_exist(path):
    assert (ROOT / path).exists()


def test_the_table_of_learners_names_what_there_is():
    from dynnets import data, losses, models, networks, nn, training

    layers = (data, losses, models, networks, nn, training)
    public = {name for layer in layers for name in vars(layer)}
    table = TEXT.split("### Which learner for which data")[1].split("A loss given")[0]
    names = set(re.findall(r"`(\w+)`", table))
    assert len(names) > 20
    assert names <= public


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"\bmake ([a-z]+)", "\n".join(blocks("sh")))
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.M), f"no target {target}"


GUIDES = ("README.md", "CONTRIBUTING.md")


@pytest.mark.parametrize("guide", GUIDES)
def test_every_block_of_a_guide_says_what_it_is(guide):
    """A block without a language would be one that no test runs."""
    text = (ROOT / guide).read_text(encoding="utf-8")
    opening = re.findall(r"^```(.*)$", text, flags=re.M)[::2]
    assert set(opening) <= {"python", "sh"}
    assert len(opening) >= 1


def test_the_python_of_contributing_runs():
    """The learner that it shows is one: read as a reader would write it, in the repository."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
    assert code
    done = subprocess.run(
        [sys.executable, "-c", "\n\n".join(code)],
        cwd=ROOT,
        env=os.environ | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
