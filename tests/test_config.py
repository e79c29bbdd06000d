import pytest
import yaml

from prl_hub.config import Config, dump_config, load_config
from prl_hub.errors import ConfigError
from prl_hub.policies import POLICIES, policy_and_options


def test_a_config_survives_being_written_and_read():
    config = load_config({"task": {"name": "sst2", "test": None}, "policy": {"name": "ucb", "steps": 3}})
    assert load_config(dump_config(config)) == config
    assert dump_config(config)["task"]["test"] is None


def test_an_override_reaches_any_depth():
    config = load_config({}, ["policy.rewriter.lora.r=4", "task.train=null", "evaluation.minibatch=8"])
    assert config.policy.options == {"rewriter": {"lora": {"r": 4}}}
    assert (config.task.train, config.evaluation.minibatch) == (None, 8)


def test_an_override_may_hold_equals_signs_and_yaml():
    config = load_config({}, ["prompt.seed=a = b", "task.columns={text: sentence}"])
    assert config.prompt.seed == "a = b"
    assert config.task.columns == {"text": "sentence"}


def test_scientific_notation_is_a_number_as_people_write_it():
    _, options = policy_and_options(load_config({}, ["policy.learning_rate=1e-3"]).policy)
    assert options.learning_rate == 0.001


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("evaluation.minibach=4", "unknown key 'evaluation.minibach': did you mean 'minibatch'?"),
        ("evaluaton.minibatch=4", "unknown key 'evaluaton': did you mean 'evaluation'?"),
        ("evaluation.minibatch=many", "evaluation.minibatch: expected int, got 'many'"),
        ("task=5", "task: expected a mapping, got 5"),
        ('policy.pool=[a?, "b]', "'[a?, \"b]' is no list: put its texts in quotes, as in ['one', 'two']"),
        ("seed=true", "seed: expected int, got True"),
        ("policy=ucb", "policy: expected a mapping, got 'ucb'"),
        ("noequals", "override 'noequals' is not of the form key.path=value"),
    ],
)
def test_a_wrong_override_is_told_in_one_line(override, says):
    with pytest.raises(ConfigError) as error:
        load_config({}, [override])
    assert str(error.value) == says


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("policy.name=grop", "policy 'grop' is not known: did you mean 'grpo'? (or give module:attr)"),
        ("policy.stepz=4", "unknown key 'policy.stepz': did you mean 'steps'?"),
        ("policy.rewriter.lora.rank=4", "unknown key 'policy.rewriter.lora.rank': known are: alpha, dropout, r, "),
        ("policy.steps=0", "policy.steps: expected more than 0, got 0"),
        ("policy.group=1", "policy.group: GRPO compares prompts within a group, so at least 2, got 1"),
        ("policy.name=nowhere:Policy", "policy 'nowhere:Policy': there is no module 'nowhere' to import"),
    ],
)
def test_a_wrong_policy_option_is_told_in_one_line(override, says):
    with pytest.raises(ConfigError) as error:
        policy_and_options(load_config({}, [override]).policy)
    assert str(error.value).startswith(says)


def test_naming_another_policy_is_enough_to_switch_to_it():
    everything = load_config({"policy": {"name": "grpo", "steps": 7, "group": 4, "kl": 0.1, "pool": ["a"]}})
    for name in POLICIES:
        policy, options = policy_and_options(load_config(dump_config(everything), {"policy.name": name}).policy)
        assert options.steps == 7
        assert isinstance(options, policy.Options)


def test_files_that_are_no_config_are_refused(tmp_path):
    for content, says in [("a: [", "is not YAML"), ("- a\n", "expected 'key: value' lines")]:
        (tmp_path / "c.yaml").write_text(content)
        with pytest.raises(ConfigError, match=says):
            load_config(tmp_path / "c.yaml")
    with pytest.raises(ConfigError, match="there is no config file"):
        load_config(tmp_path / "none.yaml")


def test_json_is_read_as_well(tmp_path):
    (tmp_path / "c.json").write_text(yaml.safe_dump(dump_config(Config())))
    assert load_config(tmp_path / "c.json") == Config()


@pytest.mark.parametrize(
    ("override", "seed_prompt"),
    [
        ("prompt.seed=Solve it. End with #### and the number", "Solve it. End with #### and the number"),
        ("prompt.seed=Answer: yes or no", "Answer: yes or no"),
        ("prompt.seed={text} - good?", "{text} - good?"),
        ("prompt.seed=null", "null"),
        ("prompt.seed=12", "12"),
    ],
)
def test_a_prompt_on_the_command_line_is_taken_as_it_is(override, seed_prompt):
    assert load_config({}, [override]).prompt.seed == seed_prompt


def test_words_that_old_yaml_took_for_booleans_are_words(tmp_path):
    (tmp_path / "c.yaml").write_text("task: {labels: [no, yes]}\nevaluation: {cache: off}\nseed: 1e2")
    for config in (
        load_config(tmp_path / "c.yaml"),
        load_config({}, ["task.labels=[no, yes]", "evaluation.cache=off"]),
    ):
        assert config.task.labels == ("no", "yes")
        assert config.evaluation.cache == "off"


def test_values_of_policies_may_be_numbers_lists_and_prompts_with_colons():
    config = load_config(
        {}, ["policy.pool=[a, b]", "policy.kl=1e-3", "policy.rewriter.meta_prompt=Rewrite: {prompt} #1"]
    )
    assert config.policy.options == {
        "pool": ["a", "b"],
        "kl": 0.001,
        "rewriter": {"meta_prompt": "Rewrite: {prompt} #1"},
    }


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("reward=accuracy", "reward: expected a mapping, got 'accuracy'"),
        ("reward=null", "reward: expected a mapping, got None"),
        ("budget.seconds=0", "budget.seconds: expected more than 0, got 0"),
        ("selection.candidates=0", "selection.candidates: expected at least 1, got 0"),
    ],
)
def test_values_that_make_no_sense_are_told(override, says):
    with pytest.raises(ConfigError) as error:
        load_config({}, [override])
    assert str(error.value).startswith(says)
