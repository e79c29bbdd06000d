"""Whole runs: what the folder holds at the end, and what happens when a run is limited, interrupted or refused."""

import json
import signal

import pytest

import prl_hub as prl
from prl_hub.errors import ConfigError, RunError, UserError
from prl_hub.run import Run
from prl_hub.training import train
from tests.processes import kill_after
from tests.test_policies import BEST, toy_config


def comparable(run: Run) -> tuple:
    """Everything of a run that must not depend on the clock."""
    metrics = [{k: v for k, v in line.items() if k != "seconds"} for line in run.metrics]
    bill = {k: v for k, v in run.result["cost"]["task_model"].items() if k != "seconds"}
    return run.prompts, metrics, run.rows, run.result["best_prompt"], run.result["comparison"], bill


@pytest.fixture
def run(tmp_path) -> Run:
    return train(toy_config(), output_dir=tmp_path / "run", quiet=True)


def test_the_result_holds_what_was_promised(run):
    result = run.result
    assert result["status"] == "finished"
    assert (result["task"], result["metric"], result["seed"]) == ("tests.toys:make_parity_task", "accuracy", 0)
    assert {"id", "backend"} <= result["task_model"].keys()
    for which in ("seed_prompt", "best_prompt"):
        assert {"id", "text", "messages", "validation", "test"} <= result[which].keys()
        assert result[which]["validation"].keys() == {"value", "n"}
        assert result[which]["test"].keys() == {"value", "n", "ci_low", "ci_high"}
    assert result["comparison"].keys() >= {"difference", "ci_low", "ci_high", "p_value", "test", "verdict"}
    bill = {"calls", "tokens_computed", "tokens_reused", "tokens_generated", "seconds"}
    assert bill <= result["cost"]["task_model"].keys()
    assert result["cost"]["policy"].keys() == {"tokens", "seconds"}
    assert {"gpu_hours", "usd"} <= result["cost"].keys()
    assert result["versions"] and result["revisions"]


def test_the_best_prompt_scores_the_same_outside_of_its_run(run):
    task = prl.evaluate(
        run.best_prompt,
        task="tests.toys:make_parity_task",
        model="any",
        backend="fake",
        options={"script": "tests.toys:follows_words"},
        train=60,
        validation=60,
        test=60,
    )
    promised = run.result["best_prompt"]["test"]
    assert (task.value, task.n) == (promised["value"], promised["n"])
    assert (task.ci_low, task.ci_high) == (promised["ci_low"], promised["ci_high"])


def test_the_config_in_the_folder_runs_again_to_the_same_result(run, tmp_path):
    again = train(run.path / "config.json", output_dir=tmp_path / "again", quiet=True)
    assert comparable(again) == comparable(run)


def test_another_seed_is_another_run(run, tmp_path):
    other = train(toy_config(), ["seed=1"], tmp_path / "other", quiet=True)
    assert other.prompts != run.prompts


def test_the_test_split_is_read_once_at_the_end_for_two_prompts(run):
    asked = {row["prompt_id"] for row in run.rows}
    assert asked == {run.result["seed_prompt"]["id"], run.result["best_prompt"]["id"]}
    assert len(run.rows) == 120
    purposes = [line["purpose"] for line in run.ledger if line["owner"] == "task_model"]
    assert "test" in purposes and "test" not in purposes[: purposes.index("test")]


def test_the_ledger_adds_up_to_the_bill(run):
    bill = run.result["cost"]["task_model"]
    for key in ("calls", "tokens_computed", "tokens_generated"):
        assert sum(line[key] for line in run.ledger if line["owner"] == "task_model") == bill[key]


@pytest.mark.parametrize("tokens", [1500, 2000, 2500])
def test_a_token_budget_is_never_exceeded_and_the_run_ends_in_good_order(tokens, tmp_path):
    run = train(toy_config(), [f"budget.task_tokens={tokens}", "policy.steps=5000"], tmp_path / "run", quiet=True)
    assert run.result["status"] == "stopped_by_budget"
    assert 0.6 * tokens < run.result["cost"]["task_model"]["tokens"] <= tokens
    assert run.result["comparison"]["n"] > 30


def test_a_budget_in_money_is_one_in_seconds(tmp_path):
    overrides = ["budget.usd=4", "budget.usd_per_hour=3600", "policy.steps=100000"]  # a dollar a second
    run = train(toy_config(task_model=SLOW), overrides, tmp_path / "run", quiet=True)
    assert run.result["status"] == "stopped_by_budget"
    assert run.result["comparison"]["n"] > 0
    assert run.result["cost"]["usd"] == pytest.approx(run.result["cost"]["seconds"])


def test_answers_found_in_the_shared_cache_change_the_cost_but_not_the_run(tmp_path):
    sharing = {"backend": "tests.toys:SharingFake", "options": {"script": "tests.toys:follows_words"}}
    config = toy_config(task_model=sharing, evaluation={"minibatch": 10, "cache": str(tmp_path / "shared.sqlite")})
    cold, warm = (train(config, output_dir=tmp_path / name, quiet=True) for name in ("cold", "warm"))
    assert comparable(cold)[:-1] == comparable(warm)[:-1]
    assert warm.result["cost"]["task_model"]["calls"] == 0
    assert warm.result["cost"]["task_model"]["tokens"] == cold.result["cost"]["task_model"]["tokens"]


def test_a_finished_run_is_resumed_by_returning_it(run):
    before = (run.path / "ledger.jsonl").read_bytes()
    again = train(toy_config(), output_dir=run.path, resume=True, quiet=True)
    assert again.result == run.result
    assert (run.path / "ledger.jsonl").read_bytes() == before


def test_a_run_is_not_started_over_another_one(run):
    with pytest.raises(RunError, match="is not empty: add --resume"):
        train(toy_config(), output_dir=run.path, quiet=True)
    with pytest.raises(RunError, match="holds another run: seed is 0 there and 5 here"):
        train(toy_config(), ["seed=5"], run.path, resume=True, quiet=True)


SLOW = {"backend": "fake", "options": {"script": "tests.toys:follows_words_slowly"}}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ucb", "thompson"])
@pytest.mark.parametrize("lines", [0, 5, 20])
def test_a_run_killed_and_resumed_is_the_run_that_was_not_killed(name, lines, tmp_path):
    config = toy_config(name, task_model=SLOW)
    kill_after(config, tmp_path / "killed", lines)
    resumed = train(config, output_dir=tmp_path / "killed", resume=True, quiet=True)
    whole = train(config, output_dir=tmp_path / "whole", quiet=True)
    resumed_bill, whole_bill = (comparable(each)[-1]["tokens"] for each in (resumed, whole))
    assert comparable(resumed)[:-1] == comparable(whole)[:-1]
    assert resumed_bill == whole_bill


@pytest.mark.slow
def test_an_interrupted_run_keeps_its_best_prompt_and_says_how_to_go_on(tmp_path):
    config = toy_config(task_model=SLOW, selection={"every": 1})
    process = kill_after(config, tmp_path / "run", 25, signal.SIGINT)
    assert process.returncode == 1
    out, err = process.communicate()
    assert BEST in err and "--resume" in err
    assert "Traceback" not in err
    assert Run(tmp_path / "run").best_prompt.text == BEST
    assert (tmp_path / "run" / "report.html").exists()
    assert train(config, output_dir=tmp_path / "run", resume=True, quiet=True).best_prompt.text == BEST


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["evaluation.minibach=4"], "unknown key 'evaluation.minibach'"),
        (["policy.stepz=4"], "unknown key 'policy.stepz'"),
        (["reward.acuracy=1"], "reward 'acuracy' is not known: did you mean 'accuracy'"),
        (["budget.task_tokens=10"], "does not cover one evaluation"),
        (["prompt.seed= "], "prompt.seed is empty"),
        (["task_model.options.context=5"], "do not fit the model's context of 5"),
        (["task.name=nowhere"], "task 'nowhere' is not known"),
        (["task.train=0"], "task.train: expected at least 1"),
        (["report_to=[nothing]"], "report_to: 'nothing' is not known"),
        (["policy.pool=missing.txt"], "cannot read 'missing.txt'"),
        (["policy.name=grpo"], "policy.rewriter.id is needed with the task model backend 'fake'"),
        (["evaluation.answer=guess"], "expected generate or label"),
        (["evaluation.minibatch=0"], "evaluation.minibatch: expected at least 1"),
        (["budget.usd=1"], "budget.usd needs budget.usd_per_hour"),
    ],
)
def test_whatever_is_wrong_is_told_before_anything_is_written(overrides, says, tmp_path):
    with pytest.raises(UserError) as error:
        train(toy_config(), overrides, tmp_path / "run", quiet=True)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_tracked_whatever_its_policy(tmp_path):
    pytest.importorskip("tensorboard")
    run = train(toy_config(), ["report_to=tensorboard"], tmp_path / "run", quiet=True)
    assert list(run.path.rglob("events.out.tfevents*"))


def test_evaluate_compares_several_prompts_on_the_same_rows():
    settings = {"backend": "fake", "options": {"script": "tests.toys:follows_words"}, "cache": "off"}
    where = ("tests.toys:make_parity_task", "any", "validation")
    weak, strong = prl.evaluate(["Say.", BEST], *where, limit=20, **settings)
    assert (weak.n, strong.n) == (20, 20)
    assert (weak.value, strong.value) == (0.1, 0.9)
    assert [row.example_id for row in weak.rows] == [row.example_id for row in strong.rows]
    with pytest.raises(ConfigError, match="unknown setting 'minibach': did you mean 'minibatch'"):
        prl.evaluate("Say.", "tests.toys:make_parity_task", "any", minibach=3)
    with pytest.raises(UserError, match="split 'tset' is not known"):
        prl.evaluate("Say.", "tests.toys:make_parity_task", "any", "tset", **settings)


def test_result_json_is_plain_json(run):
    assert json.loads((run.path / "result.json").read_text()) == run.result


def test_evaluate_asks_which_section_is_meant_where_two_have_the_setting():
    with pytest.raises(ConfigError, match="write 'task.revision' or 'task_model.revision'"):
        prl.evaluate("Say.", "tests.toys:make_parity_task", "any", revision="main")


def test_every_option_of_the_policy_stands_in_config_json(run):
    options = json.loads((run.path / "config.json").read_text())["policy"]
    assert {"name", "steps", "pool", "exploration", "rewriter"} <= options.keys()
    assert options["rewriter"]["lora"]["r"] == 8


def test_a_run_that_its_budget_stopped_goes_on_with_a_larger_one(tmp_path):
    stopped = train(toy_config(), ["budget.task_tokens=1500"], tmp_path / "run", quiet=True)
    assert stopped.result["status"] == "stopped_by_budget"
    before = stopped.result
    assert train(toy_config(), ["budget.task_tokens=1500"], stopped.path, resume=True, quiet=True).result == before
    more = train(toy_config(), ["budget.task_tokens=100000"], stopped.path, resume=True, quiet=True)
    assert more.result["status"] == "finished"
    whole = train(toy_config(), output_dir=tmp_path / "whole", quiet=True)
    assert more.result["best_prompt"] == whole.result["best_prompt"]
    assert [line["step"] for line in more.metrics] == [line["step"] for line in whole.metrics]


def test_fewer_rows_than_asked_for_are_mentioned(tmp_path, capsys):
    train(toy_config(), ["task.test=500"], tmp_path / "run", quiet=True)
    assert "task.test=500: there are only 60 rows" in capsys.readouterr().err
