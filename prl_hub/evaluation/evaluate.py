"""Scoring prompts without a run: `prl.evaluate` and `prl-hub evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prl_hub.config import EvaluationConfig, TaskConfig, TaskModelConfig
from prl_hub.errors import ConfigError, did_you_mean
from prl_hub.evaluation.answers import shared_answers
from prl_hub.evaluation.evaluator import Evaluator
from prl_hub.evaluation.statistics import mean_interval
from prl_hub.parsing import parse
from prl_hub.prompt_files import read_texts
from prl_hub.task_models import TaskModel, load_task_model
from prl_hub.tasks import Task, load_task
from prl_hub.types import Evaluation, Prompt, Row, as_prompt


@dataclass(frozen=True)
class EvaluationResult:
    """How a prompt does: mean score `value` on `n` rows with its 95 % interval, and every row, in order."""

    prompt: Prompt
    split: str
    metric: str
    value: float
    n: int
    ci_low: float
    ci_high: float
    rows: tuple[Row, ...] = field(repr=False)


def evaluate(
    prompt: Prompt | str | Mapping[str, Any] | Sequence[Prompt | str | Mapping[str, Any]],
    task: str | Task = TaskConfig.name,
    model: str | TaskModel = TaskModelConfig.id,
    split: str = "test",
    limit: int | None = None,
    **settings: Any,
) -> EvaluationResult | list[EvaluationResult]:
    """Score one prompt, or several (a list gives a list), on a split of a task.

    Args:
        task: a task's name, or a loaded task.
        model: a Hub id, folder or nano model, or a loaded task model.
        limit: at most so many rows, the first of the split's fixed order.
        settings: any key of the config's `task`, `task_model` or `evaluation` section, such as `dataset`, `columns`,
            `dtype`, `quantization`, `batch_size`, `answer`, `cache`. What two sections have is named in full, such as
            ``**{"task_model.revision": "main"}``.

    Raises:
        UserError: one of its kinds, for whatever is wrong with what was asked.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit: expected at least 1, got {limit}")
    many = isinstance(prompt, Sequence) and not isinstance(prompt, str)
    prompts = [as_prompt(one) for one in (prompt if many else [prompt])]
    if not prompts or not all(one.text.strip() for one in prompts):
        raise ConfigError("there is an empty prompt, or none at all: give the text to score")
    evaluator = _evaluator(task, model, settings)
    examples = evaluator.task.split(split)[:limit]
    results = [_result(evaluator, each) for each in evaluator.evaluate(prompts, examples, split)]
    return results if many else results[0]


def _evaluator(task: str | Task, model: str | TaskModel, settings: Mapping[str, Any]) -> Evaluator:
    sections = _sorted(settings, task=TaskConfig, task_model=TaskModelConfig, evaluation=EvaluationConfig)
    if isinstance(task, str):
        # All rows of every split: `limit` is what bounds an evaluation.
        rows = {"train": None, "validation": None, "test": None}
        task = load_task(parse(TaskConfig, rows | {"name": task} | sections["task"], "task"))
    if isinstance(model, str):
        model = load_task_model(parse(TaskModelConfig, {"id": model} | sections["task_model"], "task_model"))
    options = parse(EvaluationConfig, sections["evaluation"], "evaluation")
    return Evaluator(task, model, options.answer, shared_answers(options.cache))


def _sorted(settings: Mapping[str, Any], **kinds: type) -> dict[str, dict[str, Any]]:
    """Each setting to the section that knows it; one that two sections know must name its own."""
    found: dict[str, dict[str, Any]] = {section: {} for section in kinds}
    for key, value in settings.items():
        named, dot, bare = key.partition(".")
        knowing = [section for section, kind in kinds.items() if (bare if dot else key) in kind.__dataclass_fields__]
        knowing = [section for section in knowing if not dot or section == named]
        if not knowing:
            known = {name for kind in kinds.values() for name in kind.__dataclass_fields__}
            raise ConfigError(f"unknown setting '{key}': {did_you_mean(key, known)}")
        if len(knowing) > 1:
            choices = " or ".join(f"'{section}.{key}'" for section in knowing)
            raise ConfigError(f"setting '{key}' could belong to several sections: write {choices}")
        found[knowing[0]][bare if dot else key] = value
    return found


def _result(evaluator: Evaluator, evaluation: Evaluation) -> EvaluationResult:
    low, high = mean_interval(evaluation.scores)
    task = evaluator.task
    return EvaluationResult(
        evaluation.prompt, evaluation.split, task.metric, evaluation.value, evaluation.n, low, high, evaluation.rows
    )


def read_prompts(path: str | Path) -> list[Prompt]:
    """The prompts of a file."""
    return [Prompt(text) for text in read_texts(path)]
