"""From a `TaskConfig` to a `Task`: the one place where entry, data, columns, labels, splits and overrides meet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from prl_hub.config import TaskConfig
from prl_hub.errors import ConfigError, DataError, did_you_mean
from prl_hub.resolve import resolve
from prl_hub.tasks.base import SPLITS, Task
from prl_hub.tasks.builtin import TASKS
from prl_hub.tasks.data import Source, choose_splits, read_source
from prl_hub.tasks.examples import LABEL, find_columns, find_labels, to_examples
from prl_hub.tasks.metrics import METRICS
from prl_hub.tasks.spec import Spec
from prl_hub.tasks.splits import divide
from prl_hub.types import Example, placeholders


def load_task(config: TaskConfig) -> Task:
    """The task that a config names, with its rows.

    `config.name` is a built-in task, a kind for your own data, or ``module:attr`` of a `Spec`, of a `Task`, or of a
    function from the config to a `Task`.

    Example:
        >>> from prl_hub.config import TaskConfig
        >>> task = load_task(TaskConfig("nano_topic", train=100))
        >>> task.labels, len(task.train), len(task.validation), len(task.test)
        (('sports', 'food', 'weather', 'travel'), 100, 200, 500)

    Raises:
        DataError: the data set cannot be found or does not hold what the task needs.
        ConfigError: a name is not known, or a setting does not fit the task.
    """
    _check_rows(config)
    _check_labels(config.labels)
    found = resolve(config.name, TASKS, "task")
    if isinstance(found, Spec):
        task = _from_spec(found, config)
    elif isinstance(found, Task):
        _check_ready(config)
        task = found
    elif callable(found):
        task = found(config)
        if not isinstance(task, Task):
            raise ConfigError(f"task '{config.name}' returned a {type(task).__name__}, not a Task")
    else:
        raise ConfigError(f"task '{config.name}' is a {type(found).__name__}, not a Task, a Spec or a function")
    return _with_settings(task, config).cut(config.train, config.validation, config.test)


def _from_spec(spec: Spec, config: TaskConfig) -> Task:
    source, facts = _source(spec, config)
    where = facts["dataset"]
    for role, rows in source.splits.items():
        if not rows:
            raise DataError(f"{where}: split '{source.origin[role]}' is empty")
    columns = find_columns(spec, config.columns, source.splits[next(iter(source.splits))], where)
    labels = find_labels(config.labels, source, spec, columns.get(LABEL))
    examples, empty = {}, {}
    for role, rows in source.splits.items():
        split = f"{where}, split '{source.origin[role]}'"
        examples[role], empty[role] = to_examples(rows, spec, columns, labels, split)
    division = divide(examples, _group(spec))
    dropped = {"empty": empty, "repeated": dict(division.repeated), "shared": dict(division.shared)}
    return Task(
        name=config.name,
        metric=spec.metric,
        score=resolve(spec.metric, METRICS, "metric"),
        inputs=spec.inputs,
        layout=spec.layout,
        labels=labels.permitted,
        max_tokens=spec.max_tokens,
        source={**facts, "columns": columns, "dropped": dropped},
        **division.splits,
    )


def _source(spec: Spec, config: TaskConfig) -> tuple[Source, dict[str, Any]]:
    """The rows, and the facts about them that a card will print."""
    dataset = config.dataset or spec.dataset
    if config.dataset is None and spec.rows is not None:
        rows = {role: [dict(row) for row in part] for role, part in spec.rows().items()}
        source, dataset, subset = Source(rows, choose_splits(rows, None, config.name)), config.name, None
    elif dataset is None:
        raise ConfigError(f"task '{config.name}' needs data: task.dataset=a Hub id, or a local folder or file")
    else:
        own = dataset == spec.dataset
        subset = config.config or (spec.config if own else None)
        splits = config.splits or (spec.splits if own else None)
        source = read_source(dataset, subset, config.revision, splits)
    origin = dict(source.origin)
    return source, {"dataset": dataset, "config": subset, "revision": source.revision, "splits": origin}


def _group(spec: Spec) -> Callable[[Example], str]:
    return lambda example: example.inputs[spec.group] if spec.group else example.id


def _with_settings(task: Task, config: TaskConfig) -> Task:
    """Layout, metric, longest answer and labels as the config says, where it does."""
    changes: dict[str, Any] = {}
    if config.layout is not None:
        changes["layout"] = _checked_layout(config.layout, task.inputs)
    if config.metric is not None:
        changes |= {"metric": config.metric, "score": resolve(config.metric, METRICS, "metric")}
    if config.max_tokens is not None:
        changes["max_tokens"] = config.max_tokens
    if config.labels is not None:
        changes["labels"] = _checked_labels(config.labels, task)
    task = dataclasses.replace(task, **changes)
    _check_metric(task)
    return task


def _check_metric(task: Task) -> None:
    """A metric whose package is missing, or that is none, says so now and not in the middle of a run."""
    if not callable(task.score):
        raise ConfigError(f"metric '{task.metric}' is a {type(task.score).__name__}, not a function")
    if not task.train:
        return
    try:
        number = task.score("", task.train[0])
    except TypeError as error:
        raise ConfigError(f"metric '{task.metric}' does not take an answer and its example: {error}") from error
    if not isinstance(number, (int, float)):
        raise ConfigError(f"metric '{task.metric}' gives {number!r} for an answer: a number is needed")


def _checked_layout(layout: str, inputs: tuple[str, ...]) -> str:
    missing = {"prompt", *inputs} - placeholders(layout)
    if missing:
        raise ConfigError(f"task.layout lacks {', '.join(f'{{{name}}}' for name in sorted(missing))}: {layout!r}")
    return layout


def _checked_labels(labels: tuple[str, ...], task: Task) -> tuple[str, ...]:
    for example in (*task.train, *task.validation, *task.test):
        if example.label not in labels:
            raise DataError(f"task '{task.name}': label '{example.label}' is not among {', '.join(labels)}")
    return labels


def _check_labels(labels: tuple[str, ...] | None) -> None:
    if labels is None:
        return
    known = [label.strip().casefold() for label in labels]
    if not known or not all(known) or len(set(known)) < len(known):
        raise ConfigError(f"task.labels: expected different labels, none of them empty, got [{', '.join(labels)}]")


def _check_rows(config: TaskConfig) -> None:
    for role in config.splits or ():
        if role not in SPLITS:
            raise ConfigError(f"unknown key 'task.splits.{role}': {did_you_mean(role, SPLITS)}")
    for name in (*SPLITS, "max_tokens"):
        size = getattr(config, name)
        if size is not None and size < 1:
            raise ConfigError(f"task.{name}: expected at least 1, or null, got {size}")


def _check_ready(config: TaskConfig) -> None:
    for name in ("dataset", "config", "revision", "columns", "splits"):
        if getattr(config, name) is not None:
            raise ConfigError(f"task '{config.name}' brings its own rows: task.{name} cannot be applied to it")
