"""What the README and the docs say can be done, can be done."""

import re
import shlex

import pytest

import prl_hub as prl
from prl_hub.cli import _parser
from prl_hub.config import load_config
from prl_hub.policies import POLICIES, policy_and_options
from prl_hub.tasks import TASKS
from tests.conftest import CONFIGS

ROOT = CONFIGS.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands() -> list[str]:
    """The indented `prl-hub` lines of all pages, continued lines joined, comments left out."""
    text = "\n".join(page.read_text() for page in PAGES).replace("\\\n", " ")
    found = re.findall(r"^    (prl-hub .*)$", text, re.MULTILINE)
    return list(dict.fromkeys(re.split(r"\s#", line)[0].strip() for line in found))


@pytest.mark.parametrize("command", commands())
def test_a_command_in_the_docs_is_one_that_the_program_understands(command):
    options, rest = _parser().parse_known_args(shlex.split(command)[1:])
    assert all("=" in word and not word.startswith("-") for word in rest)
    if hasattr(options, "config"):
        config = load_config(ROOT / options.config, [*options.assignments, *rest])
        policy_and_options(config.policy)


def test_there_are_commands_to_test():
    assert len(commands()) >= 6


def test_the_readme_names_every_method_and_task():
    for name in POLICIES:
        assert f"`{name}`" in README
    for name in TASKS:
        assert name.startswith("nano_") or name in README


def test_the_tree_in_the_readme_is_the_tree():
    tree = README.split("## The tree")[1].split("Apache")[0]
    named = set(re.findall(r"([\w_]+\.py|[\w_]+)/?(?=[ \n])", tree))
    for path in [*(ROOT / "prl_hub").iterdir(), ROOT / "configs", ROOT / "benchmarks", ROOT / "docs", ROOT / "tests"]:
        if path.name.startswith("__") or path.name in ("hub", "studies") or path.name.endswith(".egg-info"):
            continue
        assert path.name in named, f"{path.name} is not in the README's tree"


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readmes_python_runs(tmp_path, monkeypatch):
    pytest.importorskip("trl")
    monkeypatch.chdir(ROOT)
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    block = block.replace('"policy.steps": 40', '"policy.steps": 2, "task.test": 20')
    block = block.replace("overrides=", f"output_dir={str(tmp_path / 'run')!r}, quiet=True, overrides=")
    block = block.replace('split="test")', 'split="test", limit=20)')
    names: dict = {}
    exec(block, names)  # noqa: S102, our own README
    assert names["result"].n == 20
    assert isinstance(names["run"], prl.Run)


def test_data_of_ones_own_goes_in_as_the_readme_says(tmp_path):
    rows = "\n".join(f'"Text number {i} is here",{"glad" if i % 2 else "sad"}' for i in range(120))
    (tmp_path / "reviews.csv").write_text(f"body,mood\n{rows}\n")
    command = next(line for line in commands() if "reviews.csv" in line)
    words = shlex.split(command.replace("reviews.csv", str(tmp_path / "reviews.csv")))
    from prl_hub.tasks import load_task

    task = load_task(load_config(ROOT / words[2], words[3:]).task)
    assert set(task.labels) == {"glad", "sad"}
    assert task.train and task.validation and task.test


def test_the_policy_in_the_architecture_page_works(tmp_path, monkeypatch):
    from prl_hub.training import train
    from tests.test_policies import toy_config

    block = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL)[1]
    (tmp_path / "add_words_policy.py").write_text(block)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = toy_config() | {"policy": {"name": "add_words_policy:AddWords", "steps": 3}}
    run = train(config, output_dir=tmp_path / "run", quiet=True)
    tried = {line["text"] for line in run.prompts if line["split"] == "train"}
    assert tried == {"Say. Answer with one word.", "Say. Think first.", "Say. Be brief."}
