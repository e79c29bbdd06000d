"""What was asked for: one YAML file, overrides from the command line, and a frozen dataclass for each section.

Few fields, a string under each that says what it is for, and unknown keys are errors. The options of a policy are
declared in the policy's own file and read there (`policies.options`); here they stay a plain mapping.
"""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prl_hub.errors import ConfigError
from prl_hub.parsing import parse, parse_value, parse_yaml


@dataclass(frozen=True)
class TaskConfig:
    name: str = "nano_sentiment"
    """A built-in task, a kind for own data (classification, reasoning, generation, true_false), or module:attr."""
    dataset: str | None = None
    """Hub id, or a local folder or file (jsonl, csv, parquet). Null: the one that the task names."""
    config: str | None = None
    """Configuration ("subset") of a Hub data set."""
    revision: str | None = None
    """Branch, tag or commit of a Hub data set."""
    columns: dict[str, str] | None = None
    """Which column holds what, e.g. {text: sentence, label: label}."""
    splits: dict[str, str] | None = None
    """Which split of the data set plays which role, e.g. {train: train, test: validation}; null: by their names."""
    labels: tuple[str, ...] | None = None
    """The permitted labels, in the order of their numbers where the column holds numbers."""
    layout: str | None = None
    """How prompt and inputs make one user message, e.g. "{prompt}\\n\\n{text}"."""
    metric: str | None = None
    """The score of one answer; null: the metric of the task."""
    max_tokens: int | None = None
    """Longest answer in tokens; null: what the task needs."""
    train: int | None = 1000
    """Rows that rewards are computed from; null: all."""
    validation: int | None = 200
    """Rows that prompts are selected on; null: all."""
    test: int | None = None
    """Rows of the final comparison, read once; null: all."""


@dataclass(frozen=True)
class TaskModelConfig:
    backend: str = "local"
    """local (transformers), served, fake, or module:attr."""
    id: str = "nano-a"
    """Hub id, local folder, or the name of a nano model that ships with the package."""
    revision: str | None = None
    """Branch, tag or commit on the Hub."""
    dtype: str = "auto"
    """auto (the checkpoint's own on an accelerator, float32 on a CPU), float32, bfloat16 or float16."""
    quantization: str | None = None
    """4bit (NF4) or 8bit, by bitsandbytes; null: none."""
    device: str = "auto"
    """auto (the first accelerator, else the CPU), or any torch device."""
    batch_size: int = 64
    """Most rows that run through the model at once; halved where memory runs out."""
    trust_remote_code: bool = False
    """Whether Python code from the model's repository may run here."""
    options: dict[str, Any] | None = None
    """Arguments for a backend of your own."""


@dataclass(frozen=True)
class PromptConfig:
    seed: str = "What do you think of this?"
    """Where the search starts; always a candidate."""
    system: str | None = None
    """A system message that goes with every prompt."""
    max_tokens: int = 256
    """Longest prompt in tokens of the task model; longer candidates get no reward."""


@dataclass(frozen=True)
class EvaluationConfig:
    minibatch: int = 32
    """Training rows behind one reward."""
    answer: str = "generate"
    """generate (what a user would get) or label (the most probable of the labels)."""
    cache: str | None = None
    """File of answers that runs share; null: the one of the user's cache folder, "off": none."""


@dataclass(frozen=True)
class SelectionConfig:
    every: int | None = None
    """Steps between two selections on validation rows; null: about ten in a run."""
    candidates: int = 4
    """Prompts with the best training reward that each selection scores on the validation rows."""
    patience: int | None = None
    """Stop after so many selections in a row without a better prompt; null: never."""


@dataclass(frozen=True)
class BudgetConfig:
    task_tokens: int | None = None
    """Most tokens of the task model (prompt and generated), the final test included."""
    seconds: float | None = None
    """Most wall-clock seconds, over all attempts."""
    usd: float | None = None
    """Most money, at `usd_per_hour`."""
    usd_per_hour: float | None = None
    """Price of this machine."""


@dataclass(frozen=True)
class PolicyConfig:
    name: str = "grpo"
    """A method of `policies.POLICIES`, or module:attr."""
    options: dict[str, Any] = field(default_factory=dict)
    """Whatever else stands in the section; each policy declares and checks its own."""


@dataclass(frozen=True)
class Config:
    seed: int = 0
    """All randomness of the run follows from it."""
    task: TaskConfig = TaskConfig()
    task_model: TaskModelConfig = TaskModelConfig()
    prompt: PromptConfig = PromptConfig()
    policy: PolicyConfig = PolicyConfig()
    reward: dict[str, float] = field(default_factory=lambda: {"accuracy": 1.0})
    """name: weight; each part is recorded by its name."""
    evaluation: EvaluationConfig = EvaluationConfig()
    selection: SelectionConfig = SelectionConfig()
    budget: BudgetConfig = BudgetConfig()
    report_to: tuple[str, ...] = ()
    """Trackers: trackio, tensorboard, wandb."""


def load_config(source: str | Path | Mapping[str, Any], overrides: Sequence[str] | Mapping[str, Any] = ()) -> Config:
    """Read a config (YAML or JSON file, or a mapping) and apply `key.path=value` overrides.

    Raises:
        ConfigError: no such file, no YAML, an unknown key (the nearest one is named), or a value of the wrong type.
    """
    tree = _read(source) if isinstance(source, (str, Path)) else json.loads(json.dumps(source, default=str))
    for path, value in _pairs(overrides):
        _assign(tree, path, value)
    policy = tree.pop("policy", {})
    if not isinstance(policy, dict):
        raise ConfigError(f"policy: expected a mapping, got {policy!r}")
    config = parse(Config, tree)
    options = {str(key): value for key, value in policy.items() if key != "name"}
    config = dataclasses.replace(config, policy=PolicyConfig(str(policy.get("name", PolicyConfig.name)), options))
    _check(config)
    return config


def dump_config(config: Config) -> dict[str, Any]:
    """The config as plain JSON values, in the form that `load_config` reads."""
    tree = dataclasses.asdict(config)
    tree["policy"] = {"name": config.policy.name, **config.policy.options}
    return json.loads(json.dumps(tree))


def _check(config: Config) -> None:
    """What types alone do not say."""
    at_least_one = {
        "task_model.batch_size": config.task_model.batch_size,
        "prompt.max_tokens": config.prompt.max_tokens,
        "evaluation.minibatch": config.evaluation.minibatch,
        "selection.every": config.selection.every,
        "selection.candidates": config.selection.candidates,
        "selection.patience": config.selection.patience,
    }
    for path, value in at_least_one.items():
        if value is not None and value < 1:
            raise ConfigError(f"{path}: expected at least 1, got {value}")
    for name, weight in config.reward.items():
        if not math.isfinite(weight):
            raise ConfigError(f"reward.{name}: expected a finite weight, got {weight}")
    if not config.reward:
        raise ConfigError("reward is empty: give at least one, e.g. {accuracy: 1.0}")
    for name, limit in vars(config.budget).items():
        if limit is not None and not limit > 0:
            raise ConfigError(f"budget.{name}: expected more than 0, got {limit}")
    if config.budget.usd is not None and not config.budget.usd_per_hour:
        raise ConfigError("budget.usd needs budget.usd_per_hour, the price of this machine")


def _read(path: str | Path) -> dict[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8")
        tree = parse_yaml(text)
    except (FileNotFoundError, IsADirectoryError):
        raise ConfigError(f"there is no config file '{path}'") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree or {}, dict):
        raise ConfigError(f"{path}: expected 'key: value' lines, got {type(tree).__name__}")
    return tree or {}


def _pairs(overrides: Sequence[str] | Mapping[str, Any]) -> list[tuple[str, Any]]:
    if isinstance(overrides, Mapping):
        return list(overrides.items())
    pairs = []
    for override in overrides:
        path, equals, value = override.partition("=")
        if not equals:
            raise ConfigError(f"override '{override}' is not of the form key.path=value")
        pairs.append((path, value if _is_text(path) else parse_value(value)))
    return pairs


def _is_text(path: str) -> bool:
    """Whether the field at `path` is a text that may not be null: then the value needs no reading at all."""
    kind: Any = Config
    for key in path.split("."):
        hints = typing.get_type_hints(kind) if dataclasses.is_dataclass(kind) else {}
        kind = hints.get(key)
    return kind is str


def _assign(tree: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    if value is None and not parents and dataclasses.is_dataclass(getattr(Config, last, None)):
        raise ConfigError(f"override '{path}' names a whole section: set a key of it, e.g. {path}.key=value")
    for key in parents:
        if not isinstance(tree.get(key), dict):
            tree[key] = {}
        tree = tree[key]
    tree[last] = value
