"""Every example in a docstring runs, module by module, and none hides from the runner."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WITH_EXAMPLES = [
    path for path in sorted((ROOT / "dynnets").rglob("*.py")) if ">>> " in path.read_text("utf-8")
]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert result.attempted == len(re.findall(r"^\s*>>> ", path.read_text("utf-8"), flags=re.M))
    assert result.failed == 0


@pytest.mark.parametrize("path", sorted((ROOT / "dynnets").rglob("*.py")), ids=str)
def test_no_block_of_python_goes_without_prompts(path):
    """A block that doctest would not see as an example is one that nobody runs."""
    assert not re.search(r"```python\n(?!\s*>>> )", path.read_text("utf-8"))
