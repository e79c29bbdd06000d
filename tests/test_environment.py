import pytest

from prl_hub.config import load_config
from prl_hub.environment import Environment, StoppedEarly
from prl_hub.evaluation.evaluator import Evaluator
from prl_hub.progress import Progress
from prl_hub.rewards import load_reward
from prl_hub.run import Run
from prl_hub.task_models.fake import FakeTaskModel
from prl_hub.types import Prompt
from tests.toys import follows_words, parity_task


def start(tmp_path, seed_prompt="Say.", reward=None, **settings):
    config = load_config(
        {"prompt": {"seed": seed_prompt, "max_tokens": 6}, "evaluation": {"minibatch": 20}},
        {path.replace("__", "."): value for path, value in settings.items()},
    )
    evaluator = Evaluator(parity_task(), FakeTaskModel(follows_words))
    environment = Environment(config, evaluator, load_reward(reward or {"accuracy": 1.0}))
    environment.start(Run.create(tmp_path / "run", config), Progress(1, quiet=True))
    return environment


def test_prompts_of_a_step_are_rewarded_on_the_same_rows(tmp_path):
    environment = start(tmp_path)
    rewards = environment.reward([Prompt("a"), Prompt("b parity"), Prompt("a")])
    assert rewards == pytest.approx([0.1, 0.5, 0.1], abs=0.06)
    assert environment.rows(0) == environment.rows(0) != environment.rows(1)


def test_an_epoch_shows_every_training_row_once_and_the_next_one_in_another_order(tmp_path):
    environment = start(tmp_path)
    first = [row.id for block in range(3) for row in environment.rows(block)]
    second = [row.id for block in range(3, 6) for row in environment.rows(block)]
    assert sorted(first) == sorted(second) == sorted(row.id for row in environment.task.train)
    assert first != second


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("one two three four five six seven", "longer than prompt.max_tokens=6"),
    ],
)
def test_a_prompt_that_cannot_be_used_costs_nothing_and_is_rewarded_least(tmp_path, text, flaw):
    environment = start(tmp_path)
    asked = len(environment.evaluator.task_model.asked)
    assert environment.reward([Prompt(text)]) == [0.0]
    assert len(environment.evaluator.task_model.asked) == asked
    assert environment.run.prompts[-1]["flaw"] == flaw


def test_a_placeholder_of_the_seed_prompt_must_be_kept(tmp_path):
    environment = start(tmp_path, seed_prompt="Number {text}\n\n{text}")
    environment.reward([Prompt("Number")])
    assert environment.run.prompts[-1]["flaw"] == "lost the placeholder {text}"


def test_an_unusable_prompt_never_beats_a_usable_one(tmp_path):
    environment = start(tmp_path, reward={"accuracy": -1.0})
    usable, unusable = environment.reward([Prompt("parity"), Prompt("")])
    assert unusable <= usable


def test_parts_of_the_reward_are_recorded_by_name_and_weighted(tmp_path):
    environment = start(tmp_path, reward={"accuracy": 2.0, "format": 0.5, "brevity": 1.0})
    (reward,) = environment.reward([Prompt("parity")])
    parts = environment.run.prompts[-1]["parts"]
    assert reward == pytest.approx(2 * parts["accuracy"] + 0.5 * parts["format"] + parts["brevity"])
    assert parts["format"] == parts["accuracy"]  # whatever is no label is chatter here


def test_selection_takes_the_best_rewarded_and_keeps_the_best_ever(tmp_path):
    environment = start(tmp_path, selection__candidates=1, selection__every=100)
    environment.reward([Prompt("parity carefully"), Prompt("parity"), Prompt("nothing")])
    environment.select()
    assert environment.best.text == "parity carefully"
    environment.select()  # the next best, which is worse
    assert environment.best.text == "parity carefully"
    validated = [line["text"] for line in environment.run.prompts if line["split"] == "validation"]
    assert validated == ["Say.", "parity carefully", "parity"]


def test_the_seed_prompt_is_always_a_candidate(tmp_path):
    environment = start(tmp_path, seed_prompt="parity carefully")
    environment.reward([Prompt("worse")])
    environment.select()
    assert environment.best == environment.seed_prompt


def test_selections_without_success_stop_the_run_when_asked_to(tmp_path):
    environment = start(tmp_path, selection__every=1, selection__patience=2)
    environment.end_step()
    with pytest.raises(StoppedEarly, match="2 selections in a row"):
        environment.end_step()


def test_the_state_of_an_environment_survives_being_written(tmp_path):
    one = start(tmp_path / "one")
    one.reward([Prompt("parity carefully", origin="x"), Prompt("b")])
    one.end_step()
    other = Environment(one.config, one.evaluator, one.reward_function)
    other.restore(one.state())
    assert other.state() == one.state()
    assert (other.step, other.best) == (1, one.best)


def test_rewards_never_come_from_validation_or_test_rows(tmp_path):
    environment = start(tmp_path)
    before = len(environment.evaluator.task_model.asked)
    environment.reward([Prompt("a")], block=0)
    environment.reward([Prompt("b")], block=7)
    numbers = [int(m[-1]["content"].split()[-1]) for m in environment.evaluator.task_model.asked[before:]]
    assert all(number < 60 for number in numbers)


def test_a_prompt_that_makes_the_hard_rows_fail_does_not_win_by_it(tmp_path):
    def fails_where_it_would_be_wrong(messages):
        prompt, number = messages[-1]["content"].rsplit("\n\n", 1)
        if prompt == "cunning" and int(number) % 10:
            raise ValueError("no answer")
        return "even" if int(number) % 2 == 0 and int(number) % 10 < 7 else "odd"

    environment = start(tmp_path)
    environment.evaluator.task_model.script = fails_where_it_would_be_wrong
    plain, cunning = environment.reward([Prompt("plain"), Prompt("cunning")])
    assert cunning < plain
    environment.select()
    assert environment.best.text != "cunning"
    assert environment.candidates.validation(Prompt("cunning"))["n"] < len(environment.task.validation)
