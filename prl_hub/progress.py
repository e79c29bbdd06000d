"""One live line for every long command: step, best so far, spending. Silent when the output is no terminal.

Trackers (trackio, tensorboard, wandb) get the same numbers through the reporting callbacks of transformers' Trainer,
whichever policy is at work.
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from prl_hub.errors import ConfigError, MissingExtra


class Progress:
    """Shows and tracks one run; a context manager."""

    def __init__(self, steps: int, start: int = 0, trackers: Sequence[Any] = (), quiet: bool = False):
        # tqdm's own `disable=None` means: only in a terminal.
        self._bar = tqdm(total=steps, initial=start, disable=True if quiet else None, unit="step", file=sys.stderr)
        self._trackers = trackers

    def step(self, record: Mapping[str, Any]) -> None:
        shown = {"best": f"{record['best_value']:.3f}", "tokens": f"{record['task_tokens']:,}"}
        if record["reward_mean"] is not None:
            shown["reward"] = f"{record['reward_mean']:.3f}"
        if record["usd"] is not None:
            shown["usd"] = f"{record['usd']:.2f}"
        self._bar.set_postfix(shown)
        self._bar.update(record["step"] - self._bar.n)
        for tracker in self._trackers:
            tracker.log(record)

    def say(self, line: str) -> None:
        """One line above the bar; also when there is no terminal."""
        self._bar.write(line, file=sys.stderr)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
        for tracker in self._trackers:
            tracker.close()


def check_trackers(names: Sequence[str]) -> None:
    """Raises ConfigError where a tracker is not known or not installed."""
    if not names:
        return
    try:
        from transformers.integrations import INTEGRATION_TO_CALLBACK, get_available_reporting_integrations
    except ModuleNotFoundError:
        raise MissingExtra("transformers", "train") from None
    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            raise ConfigError(f"report_to: '{name}' is not known: use trackio, tensorboard or wandb")
        if name not in get_available_reporting_integrations():
            raise ConfigError(f"report_to: {name} is not installed: pip install {name}")


class Tracker:
    """Drives one of the Trainer's reporting callbacks."""

    def __init__(self, name: str, folder: Path):
        from transformers import TrainerControl, TrainerState, TrainingArguments
        from transformers.integrations import INTEGRATION_TO_CALLBACK

        self._arguments = TrainingArguments(
            output_dir=str(folder), project="prl_hub", run_name=folder.name, report_to=[name], use_cpu=True
        )
        self._state, self._control = TrainerState(is_world_process_zero=True), TrainerControl()
        self._callback = INTEGRATION_TO_CALLBACK[name]()
        self._tell("on_train_begin")

    def log(self, record: Mapping[str, Any]) -> None:
        self._state.global_step = record["step"]
        self._tell("on_log", logs={k: v for k, v in record.items() if isinstance(v, numbers.Real) and k != "step"})

    def close(self) -> None:
        self._tell("on_train_end")

    def _tell(self, event: str, **details: Any) -> None:
        getattr(self._callback, event)(self._arguments, self._state, self._control, model=None, **details)
