"""Scoring prompts without a run: `prl.evaluate` and `prl-hub evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prl_hub.config import EvaluationConfig, TaskConfig, TaskModelConfig, parse
from prl_hub.errors import ConfigError, did_you_mean
from prl_hub.evaluation.answers import AnswerStore, default_cache
from prl_hub.evaluation.evaluator import Evaluator
from prl_hub.evaluation.statistics import mean_interval
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
    rows: tuple[Row, ...]


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
            `dtype`, `quantization`, `batch_size`, `answer`, `cache`.

    Raises:
        UserError: one of its kinds, for whatever is wrong with what was asked.
    """
    many = isinstance(prompt, Sequence) and not isinstance(prompt, str)
    prompts = [as_prompt(one) for one in (prompt if many else [prompt])]
    evaluator = _evaluator(task, model, settings)
    examples = evaluator.task.split(split)[:limit]
    results = [_result(evaluator, each) for each in evaluator.evaluate(prompts, examples, split)]
    return results if many else results[0]


def _evaluator(task: str | Task, model: str | TaskModel, settings: Mapping[str, Any]) -> Evaluator:
    sections = _sorted(settings, TaskConfig, TaskModelConfig, EvaluationConfig)
    if isinstance(task, str):
        # All rows of every split: `limit` is what bounds an evaluation.
        task = load_task(parse(TaskConfig, {"train": None, "validation": None, "name": task} | sections[0], "task"))
    if isinstance(model, str):
        model = load_task_model(parse(TaskModelConfig, {"id": model} | sections[1], "task_model"))
    options = parse(EvaluationConfig, sections[2], "evaluation")
    shared = None if options.cache == "off" else AnswerStore(options.cache or default_cache())
    return Evaluator(task, model, options.answer, shared)


def _sorted(settings: Mapping[str, Any], *kinds: type) -> list[dict[str, Any]]:
    """Each setting to the section that knows it."""
    names = [kind.__dataclass_fields__.keys() for kind in kinds]
    for key in settings:
        if not any(key in known for known in names):
            raise ConfigError(f"unknown setting '{key}': {did_you_mean(key, set().union(*names))}")
    return [{key: value for key, value in settings.items() if key in known} for known in names]


def _result(evaluator: Evaluator, evaluation: Evaluation) -> EvaluationResult:
    low, high = mean_interval(evaluation.scores)
    task = evaluator.task
    return EvaluationResult(
        evaluation.prompt, evaluation.split, task.metric, evaluation.value, evaluation.n, low, high, evaluation.rows
    )


def read_prompts(path: str | Path) -> list[Prompt]:
    """The prompts of a file."""
    return [Prompt(text) for text in read_texts(path)]
