import json

import pytest

from prl_hub.config import load_config
from prl_hub.errors import RunError
from prl_hub.run import Run


def test_a_run_folder_explains_and_reruns_itself(tmp_path):
    config = load_config({"seed": 3, "policy": {"name": "ucb", "steps": 9}})
    run = Run.create(tmp_path / "run", config)
    assert run.config == config
    assert load_config(tmp_path / "run" / "config.json") == config
    assert not run.done


def test_a_folder_that_holds_something_is_not_written_into(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(RunError, match="is not empty: choose another"):
        Run.create(tmp_path, load_config({}))
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_run_is_not_overwritten_and_the_way_out_is_named(tmp_path):
    Run.create(tmp_path / "run", load_config({}))
    with pytest.raises(RunError, match="add --resume to continue it"):
        Run.create(tmp_path / "run", load_config({}))


def test_only_limits_and_reporting_may_change_between_a_run_and_its_continuation(tmp_path):
    Run.create(tmp_path / "run", load_config({}))
    Run.resume(tmp_path / "run", load_config({"budget": {"seconds": 9}, "report_to": ["tensorboard"]}))
    with pytest.raises(
        RunError, match="holds another run: seed is 0 there and 1 here; task.name is 'nano_sentiment' there"
    ):
        Run.resume(tmp_path / "run", load_config({"seed": 1, "task": {"name": "sst2"}}))


def test_an_unfinished_run_still_knows_its_best_prompt(tmp_path):
    run = Run.create(tmp_path / "run", load_config({}))
    with pytest.raises(RunError, match="not scored a prompt"):
        _ = run.best_prompt
    for text, split, value in [("a", "validation", 0.2), ("b", "train", 0.9), ("c", "validation", 0.5)]:
        run.log_prompt({"text": text, "system": None, "split": split, "step": 1, "value": value, "n": 9})
    assert run.best_prompt.text == "c"
    with pytest.raises(RunError, match="is not finished"):
        _ = run.result


def test_rewinding_forgets_what_comes_after_the_checkpoint(tmp_path):
    run = Run.create(tmp_path / "run", load_config({}))
    for step in (1, 2, 3):
        run.log_metrics({"step": step})
        run.log_prompt({"step": step})
    run.rewind(2)
    assert [line["step"] for line in run.metrics] == [1, 2]
    assert [line["step"] for line in run.prompts] == [1, 2]


def test_what_is_no_run_folder_is_told_so(tmp_path):
    with pytest.raises(RunError, match="is no run folder"):
        Run(tmp_path)


def test_a_damaged_file_is_named(tmp_path):
    run = Run.create(tmp_path / "run", load_config({}))
    (run.path / "result.json").write_text("{")
    with pytest.raises(RunError, match="result.json is damaged"):
        _ = run.result


def test_a_result_is_written_whole_or_not_at_all(tmp_path):
    run = Run.create(tmp_path / "run", load_config({}))
    with pytest.raises(TypeError):
        run.finish({"good": 1, "bad": object()})
    assert not run.done
    run.finish({"good": 1})
    assert json.loads((run.path / "result.json").read_text()) == {"good": 1}


def test_any_text_that_a_model_can_write_survives_the_run_folder(tmp_path):
    text = "half a pair \ud83d, a null \x00, a line\u2028separator"
    run = Run.create(tmp_path / "run", load_config({"prompt": {"seed": text}}))
    run.log_prompt({"text": text, "step": 0})
    run.finish({"text": text})
    assert run.config.prompt.seed == run.prompts[0]["text"] == run.result["text"] == text
