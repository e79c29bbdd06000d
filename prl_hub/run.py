"""One run is one folder that explains and re-runs itself. Standard library only; no model is needed to read it.

config.json     what was asked, resolved; `prl-hub train config.json` runs it again
prompts.jsonl   one whole scored prompt a line, with split, step, score, reward and its parts
metrics.jsonl   one line a step
ledger.jsonl    what was paid for (written by the ledger)
answers.sqlite  every answer that was paid for, so that none is paid for twice
checkpoints/    where an interrupted run goes on
rows.jsonl      the rows of the final test, with the answers
result.json     written last: its existence means that the run is done
report.html     made from the files above
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prl_hub.config import Config, dump_config, load_config
from prl_hub.errors import RunError
from prl_hub.ledger import append_line, read_lines
from prl_hub.types import Prompt, as_prompt

# What may differ between a run and its continuation: limits and reporting, not what is being searched.
_MAY_CHANGE = ("budget", "report_to")


class Run:
    """A run folder. `Run(path)` reads a folder that is there; `create` and `resume` open one for writing."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not (self.path / "config.json").is_file():
            raise RunError(f"'{path}' is no run folder: it has no config.json")

    @classmethod
    def create(cls, path: str | Path, config: Config) -> Run:
        """A new run folder; raises like `require_free`."""
        cls.require_free(path)
        path = Path(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_json(path / "config.json", dump_config(config))
        except OSError as error:
            raise RunError(f"output folder '{path}' cannot be made: {error.strerror}") from None
        return cls(path)

    @classmethod
    def resume(cls, path: str | Path, config: Config) -> Run:
        """A run folder to continue, with the limits of `config`; raises like `require_same`."""
        cls.require_same(path, config)
        write_json(Path(path) / "config.json", dump_config(config))
        return cls(path)

    @staticmethod
    def require_free(path: str | Path) -> None:
        """Raises RunError where there is something in the folder already, or where none can be made."""
        path = Path(path)
        try:
            parent = next(folder for folder in path.absolute().parents if folder.exists())
            possible = path.is_dir() or (parent.is_dir() and os.access(parent, os.W_OK) and not path.is_symlink())
        except OSError as error:
            raise RunError(f"output folder '{path}' cannot be made: {error.strerror}") from None
        if not possible:
            raise RunError(f"output folder '{path}' cannot be made in '{parent}': choose another --output-dir")
        # A .part file is what a kill during the very first write leaves.
        if path.exists() and (not path.is_dir() or any(entry.suffix != ".part" for entry in path.iterdir())):
            hint = "add --resume to continue it, or " if (path / "config.json").exists() else ""
            raise RunError(f"output folder '{path}' is not empty: {hint}choose another --output-dir")

    @classmethod
    def require_same(cls, path: str | Path, config: Config) -> None:
        """Raises RunError where the folder is no run folder, or holds a run of another config."""
        old, new = cls(path).config_tree, dump_config(config)
        differing = [
            line for key in new if key not in _MAY_CHANGE for line in _differences(key, old.get(key), new[key])
        ]
        if differing:
            raise RunError(f"'{path}' holds another run: {'; '.join(differing)}")

    # What is in it

    @property
    def config_tree(self) -> dict[str, Any]:
        return read_json(self.path / "config.json")

    @property
    def config(self) -> Config:
        return load_config(self.config_tree)

    @property
    def done(self) -> bool:
        return (self.path / "result.json").exists()

    @property
    def result(self) -> dict[str, Any]:
        """What `result.json` holds.

        Raises:
            RunError: the run is not finished.
        """
        if not self.done:
            raise RunError(f"run '{self.path}' is not finished: continue it with --resume")
        return read_json(self.path / "result.json")

    @property
    def prompts(self) -> list[dict[str, Any]]:
        return read_lines(self.path / "prompts.jsonl")

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return read_lines(self.path / "metrics.jsonl")

    @property
    def ledger(self) -> list[dict[str, Any]]:
        return read_lines(self.path / "ledger.jsonl")

    @property
    def rows(self) -> list[dict[str, Any]]:
        return read_lines(self.path / "rows.jsonl")

    @property
    def best_prompt(self) -> Prompt:
        """The prompt that the run chose, or, while it is unfinished, the best on the validation rows so far."""
        if self.done:
            return as_prompt(self.result["best_prompt"])
        selected = [line for line in self.prompts if line["split"] == "validation" and line["value"] is not None]
        if not selected:
            raise RunError(f"run '{self.path}' has not scored a prompt on its validation rows yet")
        return as_prompt(max(selected, key=lambda line: line["value"] * line["n"]))

    # What the running process writes

    def log_prompt(self, record: Mapping[str, Any]) -> None:
        append_line(self.path / "prompts.jsonl", dict(record))

    def log_metrics(self, record: Mapping[str, Any]) -> None:
        append_line(self.path / "metrics.jsonl", dict(record))

    def log_row(self, record: Mapping[str, Any]) -> None:
        """One row of the final test."""
        append_line(self.path / "rows.jsonl", dict(record))

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Where `resume` goes on. Whatever the state points to must be on disk already."""
        (self.path / "checkpoints").mkdir(exist_ok=True)
        write_json(self.path / "checkpoints" / "state.json", state)

    def load_state(self) -> dict[str, Any] | None:
        path = self.path / "checkpoints" / "state.json"
        return read_json(path) if path.exists() else None

    def rewind(self, step: int) -> None:
        """Forget the result, and lines of steps after `step`, which the continued run will live through again."""
        for name in ("result.json", "rows.jsonl"):
            (self.path / name).unlink(missing_ok=True)
        for name in ("prompts.jsonl", "metrics.jsonl"):
            path = self.path / name
            kept = [line for line in read_lines(path) if line["step"] <= step]
            write_aside(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept))

    def finish(self, result: Mapping[str, Any]) -> None:
        write_json(self.path / "result.json", result)

    def __repr__(self) -> str:
        state = f"{self.result['comparison']['verdict']}" if self.done else "unfinished"
        return f"Run('{self.path}', {state})"


def _differences(path: str, old: Any, new: Any) -> list[str]:
    """What is not the same in two configs, one text a value."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*new, *(key for key in old if key not in new)]
        return [line for key in keys for line in _differences(f"{path}.{key}", old.get(key), new.get(key))]
    return [] if old == new else [f"{path} is {old!r} there and {new!r} here"]


def fresh_folder(parent: str | Path, name: str, suits: Callable[[Path], bool]) -> Path:
    """The first of name, name-2, name-3, ... that `suits`."""
    number = 1
    while True:
        path = Path(parent) / (name if number == 1 else f"{name}-{number}")
        if suits(path):
            return path
        number += 1


def read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged: expected a mapping")
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_aside(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_aside(path: Path, text: str) -> None:
    """Write beside `path` and rename: a reader sees the old file or the new one, never half of it."""
    aside = path.with_name(path.name + ".part")
    aside.unlink(missing_ok=True)  # a link would lead the text elsewhere
    with open(aside, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
