"""GRPO: the rewriter's adapter is trained by TRL on the rewards of the prompts that it writes.

Group-relative policy optimisation (DeepSeekMath, arXiv 2402.03300) for prompts (PRL, arXiv 2505.14412), with TRL's
GRPOTrainer as the loop and PEFT's LoRA (QLoRA on a quantised rewriter) as what is trained. Departures from PRL:

1. The completion is the prompt; there is no think/answer format and no reward for one.
2. Prompts are selected among those that the training has scored, instead of sampling fresh ones to select from.
3. All prompts of a step are rewarded on the same rows.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prl_hub.errors import ConfigError, MissingExtra, did_you_mean
from prl_hub.policies import base
from prl_hub.policies.rewriter import Rewriter, shares_checkpoint
from prl_hub.seeds import derive
from prl_hub.task_models.decoding import encode, stop_tokens

# Settings of TRL's that the run folder, the budget and resuming depend on.
_OWNED = frozenset(
    "output_dir max_steps num_train_epochs seed logging_steps logging_strategy logging_nan_inf_filter save_steps "
    "save_strategy save_total_limit report_to num_generations steps_per_generation generation_batch_size "
    "num_iterations per_device_train_batch_size gradient_accumulation_steps push_to_hub use_cpu disable_tqdm".split()
)
# What of TRL's log is worth a place in metrics.jsonl, and our shorter name for it.
_LOGGED = {
    "loss": "loss",
    "kl": "kl",
    "entropy": "entropy",
    "grad_norm": "grad_norm",
    "completions/mean_length": "completion_tokens",
}


@dataclass(frozen=True)
class GrpoOptions(base.Options):
    group: int = 8
    """Prompts that are sampled and compared with each other in a step."""
    batch_size: int | None = None
    """How many of the group are trained on at once; null: all."""
    learning_rate: float | None = None
    """Null: by the size of the rewriter, see `default_learning_rate`."""
    kl: float = 0.04
    """Weight of the divergence from the untrained rewriter, which holds prompts readable."""
    clip: float = 0.2
    loss: str = "dapo"
    """TRL's loss_type."""
    gradient_checkpointing: bool = False
    """Less memory for more time."""
    save_every: int | None = None
    """Steps between two checkpoints; null: at every selection."""
    trl: dict[str, Any] | None = None
    """Anything else of TRL's GRPOConfig, by its name there."""

    def check(self) -> None:
        super().check()
        base.require_positive(
            {
                "batch_size": self.batch_size,
                "learning_rate": self.learning_rate,
                "clip": self.clip,
                "save_every": self.save_every,
            }
        )
        for key in self.trl or {}:
            if key in _OWNED:
                raise ConfigError(f"policy.trl.{key} is set by prl_hub: use the policy's own options")
        if self.group < 2:
            raise ConfigError(f"policy.group: GRPO compares prompts within a group, so at least 2, got {self.group}")
        if self.batch_size and self.group % self.batch_size:
            raise ConfigError(f"policy.batch_size={self.batch_size} does not divide policy.group={self.group}")


class Grpo(base.Policy):
    Options = GrpoOptions

    def prepare(self) -> None:
        """Loads the rewriter and finds what TRL or PEFT would refuse, before anything is written."""
        _require_trl()
        self.rewriter = Rewriter.load(self.options.rewriter, self.environment)
        self._resume_from: str | None = None
        _require_default_device(self.environment.config.task_model.device)
        _require_layers(self.options.rewriter.lora.target_modules, self.rewriter.model)
        with tempfile.TemporaryDirectory() as unused:
            try:
                self._arguments(Path(unused))
            except (TypeError, ValueError) as error:
                raise ConfigError(f"policy: TRL refuses these settings: {' '.join(str(error).split())}") from None

    def state(self) -> dict[str, Any]:
        return {"checkpoint": f"checkpoint-{self.environment.step}"}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._resume_from = state["checkpoint"]

    def optimise(self, checkpoints: Path) -> None:
        trainer = self._trainer(checkpoints)
        task_model = self.environment.evaluator.task_model
        shared = shares_checkpoint(self.options.rewriter, self.environment)
        if shared:
            task_model.adapter_off = trainer.model.disable_adapter
        try:
            trainer.train(resume_from_checkpoint=str(checkpoints / self._resume_from) if self._resume_from else None)
        finally:
            try:
                trainer.save_model(str(checkpoints / "adapter"))
            finally:
                if shared:
                    trainer.model.unload()  # the final comparison asks the checkpoint itself
                    task_model.adapter_off = contextlib.nullcontext

    def _trainer(self, checkpoints: Path) -> Any:
        from datasets import Dataset
        from transformers import PrinterCallback
        from trl import GRPOTrainer

        rewriter = self.rewriter
        if not rewriter.tokenizer.chat_template:  # a base model's rewrite ends with the line, when sampled too
            rewriter.model.generation_config.eos_token_id = stop_tokens(rewriter.model, rewriter.tokenizer)
        constant = rewriter.messages if rewriter.tokenizer.chat_template else rewriter.rendered
        trainer = GRPOTrainer(
            model=rewriter.model,
            reward_funcs=self._reward,
            args=self._arguments(checkpoints),
            train_dataset=Dataset.from_dict({"prompt": [constant]}),
            processing_class=rewriter.tokenizer,
            peft_config=self._lora(),
            callbacks=[_step_callback(self)],
        )
        trainer.remove_callback(PrinterCallback)  # metrics.jsonl has it all
        return trainer

    def _lora(self) -> Any:
        from peft import LoraConfig

        lora = self.options.rewriter.lora
        targets = list(lora.target_modules)
        return LoraConfig(
            r=lora.r,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules="all-linear" if targets == ["all-linear"] else targets,
            task_type="CAUSAL_LM",
        )

    def _arguments(self, checkpoints: Path) -> Any:
        from trl import GRPOConfig

        options, model = self.options, self.rewriter.model
        batch_size = options.batch_size or options.group
        on_cpu = model.device.type == "cpu"
        settings = {
            "output_dir": str(checkpoints),
            "seed": derive(self.environment.config.seed, "grpo") % 2**32,
            "max_steps": options.steps,
            "num_generations": options.group,
            "per_device_train_batch_size": batch_size,
            "gradient_accumulation_steps": options.group // batch_size,
            "learning_rate": options.learning_rate or default_learning_rate(model),
            "lr_scheduler_type": "constant",
            "beta": options.kl,
            "epsilon": options.clip,
            "loss_type": options.loss,
            "temperature": options.rewriter.temperature,
            "max_completion_length": options.rewriter.max_tokens,
            "gradient_checkpointing": options.gradient_checkpointing,
            "use_cpu": on_cpu,
            "bf16": not on_cpu and str(model.dtype) == "torch.bfloat16",
            "fp16": not on_cpu and str(model.dtype) == "torch.float16",
            "logging_steps": 1,
            "logging_nan_inf_filter": False,
            "save_steps": options.save_every or self.environment.selection_every,
            "save_total_limit": 2,  # a kill between the newest one and our own state must leave the one before
            "report_to": "none",
            "disable_tqdm": True,
        }
        return GRPOConfig(**settings | (options.trl or {}))

    def _reward(self, completion_ids: list[list[int]], **_: Any) -> list[float]:
        """TRL's reward function. Decodes by itself: TRL's own text depends on how a tokenizer parses responses."""
        tokenizer = self.rewriter.tokenizer
        texts = tokenizer.batch_decode(completion_ids, skip_special_tokens=True)
        read = len(encode(tokenizer, self.rewriter.rendered))
        self.rewriter.tokens += sum(read + len(ids) for ids in completion_ids)
        return self.environment.reward([self.rewriter.prompt(text, "grpo") for text in texts])

    def end_step(self, log: Mapping[str, float]) -> None:
        """TRL has finished a step; `log` is what it measured."""
        spent, self.rewriter.tokens = self.rewriter.tokens, 0
        self.environment.end_step({ours: log[theirs] for theirs, ours in _LOGGED.items() if theirs in log}, spent)

    def saved(self) -> None:
        """TRL's checkpoint of this step is on disk."""
        self.environment.run.save_state({"environment": self.environment.state(), "policy": self.state()})


def _require_trl() -> None:
    try:
        import datasets  # noqa: F401
        import peft  # noqa: F401
        import trl  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "trl", "train") from None


def _require_default_device(device: str) -> None:
    """The Trainer moves to the first accelerator that it sees, whatever device the model is on."""
    if ":" in device:
        raise ConfigError(f"task_model.device={device}: GRPO trains on the first device; set CUDA_VISIBLE_DEVICES")


def _require_layers(names: Sequence[str], model: Any) -> None:
    known = {name.rpartition(".")[2] for name, _ in model.named_modules() if name}
    for name in names:
        if name != "all-linear" and name.rpartition(".")[2] not in known:
            raise ConfigError(f"policy.rewriter.lora.target_modules: no layer '{name}'; {did_you_mean(name, known)}")


def default_learning_rate(model: Any) -> float:
    """1e-3 up to a width of 256, which is what `docs/results.md` was measured with, falling to the 2e-5 that is usual
    for GRPO with LoRA at a width of 3,584 (7 billion parameters). In between it is a straight line on logarithmic
    scales, which nobody has measured.
    """
    return 1e-3 * min(1.0, 256 / model.config.get_text_config().hidden_size) ** 1.5


def _step_callback(policy: Grpo) -> Any:
    from transformers import TrainerCallback

    class StepCallback(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **_):
            if "loss" in logs:  # the last log, of the whole training, has none
                if not (math.isfinite(logs["loss"]) and math.isfinite(logs["grad_norm"])):
                    raise FloatingPointError(f"step {state.global_step}: the loss is not finite; lower learning_rate")
                policy.end_step(logs)

        def on_save(self, args, state, control, **_):
            policy.saved()

    return StepCallback()
