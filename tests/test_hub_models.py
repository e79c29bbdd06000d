"""Models by their Hub id, from a download cache laid out as huggingface_hub lays it out."""

import json
import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")

from prl_hub import nano
from tests.hub_server import serving
from tests.processes import ROOT, prl_hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def home(tmp_path) -> dict[str, str]:
    """The environment of somebody who has downloaded somebody/tiny before, and is offline now."""
    repository = tmp_path / "home" / "hub" / "models--somebody--tiny"
    shutil.copytree(nano.path("nano-a"), repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}


def train(folder: Path, home: dict[str, str], *overrides: str):
    few = ["task.train=30", "task.validation=10", "task.test=10", "evaluation.minibatch=5", "policy.group=2"]
    few += ["policy.name=best_of_n", "policy.steps=2", *overrides]
    return prl_hub("train", "configs/quickstart.yaml", *few, "--output-dir", str(folder), env=home)


def test_a_hub_id_is_loaded_and_its_commit_is_on_the_result(home, tmp_path):
    done = train(tmp_path / "run", home, "task_model.id=somebody/tiny")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["task_model"]["id"] == "somebody/tiny"
    assert result["task_model"]["revision"] == result["revisions"]["task_model"] == COMMIT


def test_a_commit_can_be_asked_for(home, tmp_path):
    done = train(tmp_path / "run", home, "task_model.id=somebody/tiny", f"task_model.revision={COMMIT}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("overrides", [["task_model.revision=v9"], ["task_model.id=somebody/other"]])
def test_what_is_not_in_the_cache_is_told_in_one_line(overrides, home, tmp_path):
    failed = train(tmp_path / "run", home, "task_model.id=somebody/tiny", *overrides)
    assert failed.returncode == 2
    assert len(failed.stderr.strip().splitlines()) == 1
    assert "Hub cannot be reached" in failed.stderr
    assert not (tmp_path / "run").exists()


@pytest.fixture
def online(tmp_path):
    """The environment of somebody with an empty cache, and a Hub that has somebody/tiny."""
    with serving(nano.path("nano-a"), "somebody/tiny", COMMIT) as address:
        environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
        yield {**environment, "HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": address, "PYTHONPATH": str(ROOT)}


def test_a_model_is_downloaded_from_a_hub_and_known_by_its_commit(online, tmp_path):
    done = train(tmp_path / "run", online, "task_model.id=somebody/tiny")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["task_model"]["revision"] == COMMIT
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["task_model.id=somebody/other"], "model 'somebody/other' was not found"),
        (["task_model.id=somebody/tiny", "task_model.revision=v9"], "has no revision 'v9'"),
    ],
)
def test_what_a_hub_does_not_have_is_told_in_one_line(overrides, says, online, tmp_path):
    failed = train(tmp_path / "run", online, *overrides)
    assert failed.returncode == 2
    assert len(failed.stderr.strip().splitlines()) == 1
    assert says in failed.stderr
    assert not (tmp_path / "run").exists()
