"""What every policy must do, on task models whose best prompt is known."""

from collections import Counter

import pytest

from prl_hub.config import load_config
from prl_hub.environment import Environment
from prl_hub.errors import ConfigError, DataError
from prl_hub.evaluation.evaluator import Evaluator
from prl_hub.evaluation.statistics import BETTER, SAME
from prl_hub.policies import policy_and_options
from prl_hub.policies.pool import make_pool
from prl_hub.progress import Progress
from prl_hub.rewards import load_reward
from prl_hub.run import Run
from prl_hub.task_models.fake import FakeTaskModel
from prl_hub.training import train
from prl_hub.types import Prompt
from tests.toys import follows_words, parity_task

POOL = ["Look.", "Look carefully.", "Tell the parity.", "Tell the parity carefully.", "Read it twice.", "Go."]
BEST = "Tell the parity carefully."


def toy_config(policy: str = "ucb", script: str = "follows_words", **sections) -> dict:
    return {
        "task": {"name": "tests.toys:make_parity_task", "train": 60, "validation": 60, "test": 60},
        "task_model": {"backend": "fake", "options": {"script": f"tests.toys:{script}"}},
        "prompt": {"seed": "Say."},
        "policy": {"name": policy, "steps": 30, "pool": POOL},
        "evaluation": {"minibatch": 10, "cache": "off"},
        **sections,
    }


def bandit(tmp_path, name="ucb", script=follows_words, **options):
    config = load_config(toy_config(name), {f"policy.{key}": value for key, value in options.items()})
    environment = Environment(config, Evaluator(parity_task(), FakeTaskModel(script)), load_reward({"accuracy": 1}))
    policy_class, parsed = policy_and_options(config.policy)
    policy = policy_class(parsed, environment)
    policy.prepare()
    environment.start(Run.create(tmp_path / "run", config), Progress(1, quiet=True))
    return policy, environment


@pytest.mark.parametrize("name", ["ucb", "thompson"])
def test_a_planted_better_prompt_is_found(name, tmp_path):
    run = train(toy_config(name), output_dir=tmp_path / "run", quiet=True)
    assert run.best_prompt.text == BEST
    assert run.result["comparison"]["verdict"] == BETTER
    assert run.result["comparison"]["difference"] == pytest.approx(0.8)


@pytest.mark.parametrize("name", ["ucb", "thompson"])
def test_where_no_prompt_matters_none_is_called_better(name, tmp_path):
    run = train(toy_config(name, "ignores_the_prompt"), output_dir=tmp_path / "run", quiet=True)
    assert run.result["comparison"]["verdict"] == SAME
    assert run.best_prompt.text == "Say."  # a tie is no reason to leave the seed prompt


@pytest.mark.parametrize("name", ["ucb", "thompson"])
def test_a_bandit_pulls_the_best_arm_most(name, tmp_path):
    policy, _ = bandit(tmp_path, name, steps=60)
    policy.optimise(tmp_path)
    assert policy.arms[int(policy.pulls.argmax())].text == BEST
    assert policy.metrics()["arm_probability"][Prompt(BEST).id] > 0.9


def test_every_arm_is_tried_once_before_any_is_preferred(tmp_path):
    policy, environment = bandit(tmp_path)
    seen = []
    for _ in range(len(policy.arms)):
        prompts = policy.propose()
        seen += prompts
        policy.update(prompts, environment.reward(prompts, policy.block()))
        environment.end_step()
    assert seen == policy.arms
    assert Counter(policy.pulls.tolist()) == {1: len(policy.arms)}


def test_all_arms_are_asked_the_same_questions(tmp_path):
    policy, environment = bandit(tmp_path, steps=40)
    policy.optimise(tmp_path)
    questions: dict[str, list[str]] = {}
    for messages in environment.evaluator.task_model.asked:
        prompt, number = messages[-1]["content"].rsplit("\n\n", 1)
        if int(number) < 60:  # a training row
            questions.setdefault(prompt, []).append(number)
    longest = max(questions.values(), key=len)
    assert all(asked == longest[: len(asked)] for asked in questions.values())


def test_ucb_follows_its_formula(tmp_path):
    policy, _ = bandit(tmp_path)
    policy.pulls[:] = 1
    policy.observations[:] = [100, 10, 100, 100, 100, 100, 100]
    policy.sums[:] = [50, 4, 50, 50, 50, 50, 50]
    assert policy.choose() == 1  # .4 + sqrt(2 ln 610 / 10) beats .5 + sqrt(2 ln 610 / 100)


def test_a_pool_with_fewer_steps_than_arms_is_refused():
    with pytest.raises(ConfigError, match="policy.steps=3 is fewer than the 7 prompts of the pool"):
        train(toy_config(), ["policy.steps=3"], quiet=True)


def test_a_pool_comes_from_a_list_a_file_or_a_template(tmp_path):
    seed = Prompt("Answer.", system="Be brief.")
    (tmp_path / "p.txt").write_text("one\n\ntwo\none\n")
    (tmp_path / "p.jsonl").write_text('{"prompt": "one"}\n{"name": "two"}\n')
    (tmp_path / "p.csv").write_text('act,prompt\nx,one\ny,"two"\n')
    for source in (["one", "two"], *(str(tmp_path / f"p.{kind}") for kind in ("txt", "jsonl", "csv"))):
        assert [arm.text for arm in make_pool(source, seed)] == ["Answer.", "one", "two"]
    personas = make_pool({"template": "You are {name}.", "names": ["Ada", "Bo {x}"], "limit": 2}, seed)
    assert [arm.text for arm in personas] == ["Answer.", "You are Ada.\nAnswer.", "You are Bo {x}.\nAnswer."]
    assert {arm.system for arm in personas} == {"Be brief."}


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        ([], ConfigError, "expected a list, a file or a template"),
        (5, ConfigError, "expected a list, a file or a template"),
        ({"template": "no name", "names": ["a"]}, ConfigError, "needs '{name}'"),
        ("nowhere.txt", DataError, "cannot read 'nowhere.txt'"),
    ],
)
def test_what_is_no_pool_is_refused(source, error, says):
    with pytest.raises(error, match=says):
        make_pool(source, Prompt("Answer."))
