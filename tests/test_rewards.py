import pytest

from prl_hub.errors import ConfigError
from prl_hub.rewards import load_reward
from prl_hub.types import Evaluation, Prompt, Row
from tests.toys import parity_task


def evaluation(*answers: str, prompt: str = "p") -> Evaluation:
    rows = [Row(str(i), [], answer, "even", float(answer == "even")) for i, answer in enumerate(answers)]
    return Evaluation(Prompt(prompt), "train", tuple(rows))


def reward(weights, evaluated):
    return load_reward(weights)(evaluated, parity_task())


def test_hand_worked_values():
    assert reward({"accuracy": 1}, evaluation("even", "odd", "what?", "even"))[0] == 0.5
    assert reward({"format": 1}, evaluation("even", "Odd.", "what?", ""))[0] == 0.5
    assert reward({"brevity": 1}, evaluation("even", prompt="word " * 100))[0] == 0.5


def test_parts_are_weighted_and_recorded_unweighted():
    total, parts = reward({"accuracy": 2.0, "format": -1.0}, evaluation("even", "odd"))
    assert parts == {"accuracy": 0.5, "format": 1.0}
    assert total == 2 * 0.5 - 1.0


def test_a_part_that_does_not_apply_is_left_out():
    free = parity_task()
    free = type(free)(**{**vars(free), "labels": ()})
    total, parts = load_reward({"accuracy": 1.0, "format": 5.0})(evaluation("even"), free)
    assert parts["format"] is None
    assert total == 1.0


def shouting(evaluation, task) -> float:
    return float(evaluation.prompt.text.isupper())


def test_a_function_of_ones_own_is_a_reward():
    total, parts = reward({"tests.test_rewards:shouting": 3.0}, evaluation("even", prompt="SAY IT"))
    assert total == 3.0 and parts == {"tests.test_rewards:shouting": 1.0}


def test_an_unknown_reward_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'accuracy'"):
        load_reward({"acuracy": 1.0})


def infinite(evaluation, task) -> float:
    return float("inf")


def test_a_reward_that_no_policy_can_learn_from_is_a_failed_run():
    with pytest.raises(FloatingPointError, match="reward 'tests.test_rewards:infinite' is inf for the prompt 'p'"):
        reward({"tests.test_rewards:infinite": 1.0}, evaluation("even"))
