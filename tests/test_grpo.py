"""GRPO with the real TRL trainer and real PEFT adapters, on a toy model."""

import math
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from prl_hub.config import load_config
from prl_hub.errors import UserError
from prl_hub.policies.grpo import _step_callback, default_learning_rate
from prl_hub.run import Run
from prl_hub.training import build, train
from tests.models import save_tiny_llama, tiny_config
from tests.processes import kill_after

TINY = {
    "task": {"name": "nano_sentiment", "train": 40, "validation": 20, "test": 20},
    "task_model": {"id": "nano-a"},
    "prompt": {"seed": "What do you think of this?", "max_tokens": 64},
    "policy": {"name": "grpo", "steps": 4, "group": 4, "rewriter": {"max_tokens": 24, "lora": {"r": 4}}},
    # The length of a prompt as part of the reward makes sure that a group of four is not all alike.
    "reward": {"accuracy": 1.0, "brevity": 1.0},
    "evaluation": {"minibatch": 6, "cache": "off"},
    "selection": {"every": 2, "candidates": 1},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return train(TINY, output_dir=tmp_path_factory.mktemp("grpo") / "run", quiet=True)


def adapter(run: Run, step: str = "adapter") -> dict:
    return load_file(run.path / "checkpoints" / step / "adapter_model.safetensors")


def comparable(run: Run) -> tuple:
    """Everything of a run that must not depend on the clock."""
    clock = ("seconds", "usd", "elapsed")
    metrics = [{k: v for k, v in line.items() if k not in clock} for line in run.metrics]
    return run.prompts, metrics, run.result["best_prompt"], run.result["comparison"]


def test_a_run_ends_with_a_comparison_on_the_test_split(run):
    assert run.result["status"] == "finished"
    assert run.result["best_prompt"]["test"]["n"] == run.result["seed_prompt"]["test"]["n"] == 20
    assert [line["step"] for line in run.metrics] == [1, 2, 3, 4]


def test_every_lora_parameter_has_moved(run):
    start, end = adapter(run, "checkpoint-2"), adapter(run)
    assert start.keys() == end.keys()
    for name in end:
        assert not torch.equal(start[name], end[name]), name
    assert all(value.any() for name, value in end.items() if "lora_B" in name)  # B starts at zero


def test_divergence_and_loss_stay_finite(run):
    for line in run.metrics:
        assert math.isfinite(line["kl"]) and math.isfinite(line["loss"])
    assert run.metrics[-1]["kl"] > 0


def test_the_task_model_has_not_changed_by_a_bit_and_answers_without_the_adapter(tmp_path):
    environment, policy = build(load_config(TINY))
    task_model = environment.evaluator.task_model
    before = {name: value.clone() for name, value in task_model.model.state_dict().items()}
    asked = [[{"role": "user", "content": row.inputs["text"]}] for row in environment.task.test]
    answers = task_model.answer(asked, environment.evaluator.decoding)

    from prl_hub.progress import Progress

    environment.start(Run.create(tmp_path / "run", environment.config), Progress(4, quiet=True))
    seen = []
    reward = environment.reward

    def and_ask(prompts, block=None):  # in the middle of training, with the adapter in place
        seen.append(task_model.answer(asked, environment.evaluator.decoding))
        return reward(prompts, block)

    environment.reward = and_ask
    policy.optimise(tmp_path / "checkpoints")
    after = task_model.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert len(seen) == 4 and all(each == answers for each in seen)


def test_rewriter_and_task_model_of_one_checkpoint_are_loaded_once():
    environment, policy = build(load_config(TINY))
    assert policy.rewriter.model is environment.evaluator.task_model.model
    environment, policy = build(load_config(TINY, {"policy.rewriter.id": "nano-b"}))
    assert policy.rewriter.model is not environment.evaluator.task_model.model


def test_the_same_seed_gives_the_same_run_and_another_seed_another(run, tmp_path):
    again = train(TINY, output_dir=tmp_path / "again", quiet=True)
    other = train(TINY, ["seed=1"], output_dir=tmp_path / "other", quiet=True)
    assert comparable(again) == comparable(run)
    assert comparable(other)[0] != comparable(run)[0]


@pytest.mark.slow
@pytest.mark.parametrize("lines_until_death", [1, 3])
def test_a_run_killed_and_resumed_is_the_run_that_was_not_killed(lines_until_death, run, tmp_path):
    folder = tmp_path / "run"
    kill_after(TINY, folder, lines_until_death)
    resumed = train(TINY, output_dir=folder, resume=True, quiet=True)
    assert comparable(resumed) == comparable(run)
    assert resumed.result["cost"]["task_model"]["tokens"] == run.result["cost"]["task_model"]["tokens"]


def test_a_quantised_rewriter_is_trained_too(tmp_path):
    pytest.importorskip("bitsandbytes")
    overrides = {"task_model.id": str(save_tiny_llama(tmp_path / "model")), "task_model.quantization": "4bit"}
    run = train(TINY, overrides | {"policy.steps": 2}, output_dir=tmp_path / "run", quiet=True)
    assert run.result["task_model"]["quantization"] == "4bit"
    assert any(value.any() for name, value in adapter(run).items() if "lora_B" in name)


def test_a_real_checkpoint_without_a_chat_template_writes_and_answers(shared, tmp_path):
    stories = str(shared / "models" / "stories260k")
    run = train(TINY, {"task_model.id": stories, "policy.steps": 2}, output_dir=tmp_path / "run", quiet=True)
    assert run.result["status"] == "finished"
    assert any(line["split"] == "train" and line["n"] for line in run.prompts)


@pytest.mark.parametrize(("width", "rate"), [(96, 1e-3), (256, 1e-3), (3584, 2e-5)])
def test_larger_models_take_smaller_steps(width, rate):
    assert default_learning_rate(LlamaForCausalLM(tiny_config(width))) == pytest.approx(rate, rel=0.1)


def test_the_adapter_of_a_finished_run_loads_with_peft(run):
    from peft import PeftModel

    from prl_hub.task_models.loading import load_causal_lm

    model, _, _ = load_causal_lm("nano-a")
    loaded = PeftModel.from_pretrained(model, str(run.path / "checkpoints" / "adapter"))
    assert loaded.peft_config["default"].r == 4


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["policy.trl={nonsense: 1}"], "TRL refuses these settings"),
        (["policy.trl={max_steps: 9}"], "policy.trl.max_steps is set by prl_hub"),
        (["policy.rewriter.lora.target_modules=[q_prjo]"], "no layer 'q_prjo'; did you mean 'q_proj'?"),
        (["policy.rewriter.lora.r=0"], "policy.rewriter.lora.r: expected more than 0"),
        (["policy.batch_size=3"], "policy.batch_size=3 does not divide policy.group=4"),
        (["policy.rewriter.id=./nowhere"], "there is no such folder"),
        (["prompt.max_tokens=2"], "more than prompt.max_tokens=2"),
    ],
)
def test_what_trl_or_peft_would_refuse_is_told_before_anything_is_written(overrides, says, tmp_path):
    with pytest.raises(UserError) as error:
        train(TINY, overrides, tmp_path / "run", quiet=True)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("logs", [{"loss": math.nan, "grad_norm": 1.0}, {"loss": 1.0, "grad_norm": math.inf}])
def test_a_loss_that_is_not_finite_is_a_failed_run(logs):
    _, policy = build(load_config(TINY))
    with pytest.raises(FloatingPointError, match="step 3: the loss is not finite; lower learning_rate"):
        _step_callback(policy).on_log(None, SimpleNamespace(global_step=3), None, logs=logs)


def test_a_budget_ends_the_training_in_good_order(tmp_path):
    run = train(TINY, ["budget.task_tokens=9000", "policy.steps=50"], tmp_path / "run", quiet=True)
    assert run.result["status"] == "stopped_by_budget"
    assert run.result["cost"]["task_model"]["tokens"] <= 9000
    assert 0 < len(run.metrics) < 50
    assert run.result["comparison"]["n"] > 10
    assert adapter(run)


def test_the_policy_is_billed_for_the_tokens_it_writes(run):
    bills = [line for line in run.ledger if line["owner"] == "policy"]
    assert [line["step"] for line in bills] == [1, 2, 3, 4]
    assert all(line["tokens_generated"] > 4 * 20 for line in bills)
