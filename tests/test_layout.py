"""The shape of the package: imports point down the flow, and a light import stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import prl_hub as prl

PACKAGE = Path(prl.__file__).parent

# From the bottom to the top: a module imports from its own layer and from those before it.
LAYERS = [
    ["errors", "types", "resolve", "seeds", "parsing"],
    ["config", "ledger", "run", "prompt_files", "progress", "nano"],
    ["tasks"],
    ["task_models"],
    ["evaluation"],
    ["rewards"],
    ["candidates", "environment"],
    ["policies"],
    ["training"],
    ["reports"],
    ["cli", "__main__"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_layers(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "prl_hub":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prl_hub."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("prl_hub.")}
    return found & LEVEL.keys()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_point_down(path):
    mine = LEVEL[layer_of(path)]
    above = {name for name in imported_layers(path) if LEVEL[name] > mine}
    assert not above, f"{path.name} imports from above: {above}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_importing_the_package_loads_nothing_heavy():
    heavy = "torch transformers datasets trl peft numpy scipy matplotlib huggingface_hub yaml".split()
    code = f"import sys, prl_hub; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_help_and_reports_load_no_torch():
    for code in (
        "from prl_hub.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "import prl_hub.reports, prl_hub.run, prl_hub.config",
    ):
        code += "\nimport sys; assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_the_public_names_are_there_and_no_others():
    assert prl.__all__ == sorted(prl.__all__)
    for name in prl.__all__:
        value = getattr(prl, name)
        assert value.__doc__, f"{name} has no docstring"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = prl.nothing


def test_a_public_function_is_not_hidden_by_a_module_of_its_name():
    import importlib

    for path in modules():
        importlib.import_module(
            ".".join(["prl_hub", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        ) if path.name != "__main__.py" else None
    assert callable(prl.train) and callable(prl.evaluate)
