"""The ready configs: each can be read, fits its policy and task, and says the command that runs it."""

import re
import shlex

import pytest

from prl_hub.config import dump_config, load_config
from prl_hub.policies import policy_and_options
from prl_hub.policies.pool import make_pool
from prl_hub.resolve import resolve
from prl_hub.rewards import load_reward
from prl_hub.task_models import TASK_MODELS
from prl_hub.tasks import TASKS, Spec
from prl_hub.types import Prompt
from tests.conftest import CONFIGS

READY = sorted(CONFIGS.glob("*.yaml"))


def test_the_promised_configs_are_there():
    promised = {"quickstart", "sst2_grpo", "gsm8k_grpo", "agnews_grpo", "truthfulqa_bandit", "personas_gsm8k_bandit"}
    assert promised <= {path.stem for path in READY}


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_a_ready_config_can_be_read_and_every_name_in_it_is_known(path):
    config = load_config(path)
    assert load_config(dump_config(config)) == config
    _, options = policy_and_options(config.policy)
    own = set(config.policy.options) - set(vars(options))
    assert not own, f"options that {config.policy.name} does not have: {own}"
    load_reward(config.reward)
    assert isinstance(resolve(config.task.name, TASKS, "task"), Spec)
    assert config.task_model.backend in TASK_MODELS


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_the_first_line_of_a_ready_config_is_the_command_that_runs_it(path):
    first = path.read_text().splitlines()[0]
    words = shlex.split(first.removeprefix("# "))
    assert words[:2] == ["prl-hub", "train"]
    assert (CONFIGS.parent / words[2]).samefile(path)


@pytest.mark.parametrize("path", [p for p in READY if "bandit" in p.stem], ids=lambda path: path.stem)
def test_a_ready_bandit_tries_every_arm_of_its_pool(path):
    config = load_config(path)
    _, options = policy_and_options(config.policy)
    arms = make_pool(options.pool, Prompt(config.prompt.seed))
    assert 10 < len(arms) <= options.steps
    assert all(config.prompt.seed in arm.text for arm in arms)


def test_the_fields_of_the_config_are_all_documented():
    import ast
    import inspect

    from prl_hub import config

    for node in ast.parse(inspect.getsource(config)).body:
        if isinstance(node, ast.ClassDef):
            fields = [i for i, part in enumerate(node.body) if isinstance(part, ast.AnnAssign)]
            for i in fields:
                name = node.body[i].target.id
                follows = node.body[i + 1] if i + 1 < len(node.body) else None
                is_section = re.fullmatch(r".*Config", ast.unparse(node.body[i].annotation))
                assert is_section or isinstance(follows, ast.Expr), f"{node.name}.{name} says not what it is for"
