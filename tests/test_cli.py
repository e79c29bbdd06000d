"""The command line as a person meets it: real processes, real exit statuses."""

import json

import pytest

from prl_hub.cli import main
from tests.processes import prl_hub
from tests.test_policies import BEST, toy_config


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "toy.yaml"
    path.write_text(json.dumps(toy_config()))
    return path


def test_train_ends_with_seed_prompt_best_prompt_and_verdict(config_file, tmp_path):
    done = prl_hub("train", str(config_file), "policy.steps=20", "--output-dir", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert "Say." in done.stdout and BEST in done.stdout
    assert "is better" in done.stdout
    assert (tmp_path / "run" / "report.html").exists()
    assert done.stderr == ""  # quiet when piped


def test_overrides_may_stand_before_and_after_the_options(config_file, tmp_path):
    arguments = ["policy.steps=20", "--output-dir", str(tmp_path / "run"), "seed=4", "--resume"]
    assert prl_hub("train", str(config_file), *arguments).returncode == 0
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "nowhere.yaml"], "there is no config file 'nowhere.yaml'"),
        (["train", "CONFIG", "polcy.steps=3"], "unknown key 'polcy': did you mean 'policy'?"),
        (["train", "CONFIG", "policy.steps=3"], "policy.steps=3 is fewer than the 7 prompts of the pool"),
        (["train", "CONFIG", "--output-dri", "x"], "'--output-dri' is not understood"),
        (["train", "CONFIG", "task.name=nothing"], "task 'nothing' is not known"),
        (["report", "nowhere"], "'nowhere' is no run folder"),
        (["evaluate", "--task", "sst2x", "--model", "nano-a", "--prompt", "x"], "task 'sst2x' is not known"),
        (["evaluate", "--task", "nano_facts", "--model", "nano-c", "--prompt", "x"], "model 'nano-c'"),
        (["train", "CONFIG", "--resume", "--output-dir", "CONFIG"], "is no run folder"),
    ],
)
def test_a_mistake_is_one_line_on_stderr_and_status_2(arguments, says, config_file, tmp_path):
    arguments = [str(config_file) if word == "CONFIG" else word for word in arguments]
    failed = prl_hub(*arguments, cwd=tmp_path)
    assert failed.returncode == 2
    assert says in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1
    assert failed.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["toy.yaml"]


def test_runs_without_a_name_for_their_folder_get_one_each(config_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["train", str(config_file), "policy.steps=10"]) == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["toy-ucb-seed0", "toy-ucb-seed0-2"]


def test_evaluate_prints_a_table_with_a_paired_test(tmp_path):
    settings = ["backend=fake", "options={script: 'tests.toys:follows_words'}", "train=60", "validation=60", "test=60"]
    prompts = ["--prompt", "Say.", "--prompt", BEST]
    task = ["--task", "tests.toys:make_parity_task", "--model", "any"]
    done = prl_hub("evaluate", *task, *prompts, "--limit", "40", *settings)
    assert done.returncode == 0, done.stderr
    assert BEST in done.stdout and "40" in done.stdout


def test_the_report_command_writes_and_names_the_report(config_file, tmp_path):
    assert prl_hub("train", str(config_file), "--output-dir", str(tmp_path / "run")).returncode == 0
    (tmp_path / "run" / "report.html").unlink()
    done = prl_hub("report", str(tmp_path / "run"))
    assert done.returncode == 0
    assert (tmp_path / "run" / "report.html").read_text().startswith("<!")
    assert str(tmp_path / "run" / "report.html") in done.stdout


@pytest.mark.parametrize("command", ["train", "evaluate", "report", "build-nano"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert "usage: prl-hub" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["task.name=:"], "task ':' is not known"),
        (["task.name=.foo:bar"], "task '.foo:bar' is not known"),
        (["reward={json:dumps: .nan}"], "reward.json:dumps: expected a finite weight"),
        (["reward={tests.toys:LABELS: 1}"], "reward 'tests.toys:LABELS' is not a function of (evaluation, task)"),
        (["task_model.backend=json:dumps"], "'json:dumps' is not a subclass of prl_hub.task_models.TaskModel"),
        (["task_model.options={script: 5}"], "script '5' is not known"),
        (["task_model.options={script: 'math:pi'}"], "expected a function"),
        (["policy.pool=[a, null]"], "expected texts, got None among them"),
        (["budget.seconds=.nan"], "budget.seconds: expected more than 0"),
        (["task="], "override 'task' names a whole section"),
        (["--output-dir", "toy.yaml/run"], "cannot be made"),
        (["--output-dir", "x" * 400], "cannot be made"),
        (["prompt.seed=two\nlines", "reward={no\x1bsuch: 1}"], "\\x1bsuch"),
    ],
)
def test_odd_values_are_told_in_one_line_too(overrides, says, config_file, tmp_path):
    failed = prl_hub("train", str(config_file), *overrides, cwd=tmp_path)
    assert failed.returncode == 2, failed.stderr
    assert says in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["toy.yaml"]


@pytest.mark.parametrize("content", ["a: [" * 20000, "seed: 2020-13-45", "seed: " + "9" * 5000, "task: 2020-01-01"])
def test_odd_files_are_told_in_one_line(content, tmp_path):
    (tmp_path / "c.yaml").write_text(content)
    failed = prl_hub("train", str(tmp_path / "c.yaml"), cwd=tmp_path)
    assert failed.returncode == 2, failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


def test_words_that_a_command_does_not_take_are_refused(tmp_path):
    failed = prl_hub("report", str(tmp_path), "a=b")
    assert failed.returncode == 2 and "'a=b' is not understood" in failed.stderr
    failed = prl_hub("evaluate", "--task", "nano_facts", "--model", "nano-a", "--prompt", "x", "limit=5")
    assert failed.returncode == 2 and "'limit=' is not a setting here" in failed.stderr
