"""What it cost: two bills (task model, policy) in real tokens and seconds, one append-only ledger, hard limits.

The ledger does not know what was bought; it only adds up and says when the budget is spent. Tokens count towards the
budget whether an answer was computed or came from a cache that other runs filled, so that the same config is the same
run on a cold and on a warm machine, and so that methods compare at an equal budget.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prl_hub.config import BudgetConfig
from prl_hub.errors import BudgetReached

OWNERS = ("task_model", "policy")


@dataclass(frozen=True)
class Spending:
    """Tokens: `computed` were run through a model, `reused` came from a cache instead, `generated` are new."""

    calls: int = 0
    tokens_computed: int = 0
    tokens_reused: int = 0
    tokens_generated: int = 0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """What counts towards `budget.task_tokens`."""
        return self.tokens_computed + self.tokens_reused + self.tokens_generated

    def __add__(self, other: Spending) -> Spending:
        return Spending(*(mine + theirs for mine, theirs in zip(_values(self), _values(other), strict=True)))


def _values(spending: Spending) -> tuple:
    return tuple(asdict(spending).values())


class Ledger:
    """Adds up spending and holds it against the budget.

    Args:
        budget: the limits; a missing one is no limit.
        path: file that every line is appended to and earlier attempts are read back from; None keeps it in memory.
        gpus: how many accelerators the seconds are paid for.
    """

    def __init__(self, budget: BudgetConfig | None = None, path: Path | None = None, gpus: int = 0):
        self.budget = budget or BudgetConfig()
        self.path, self.gpus = path, gpus
        self.totals = dict.fromkeys(OWNERS, Spending())
        self._asked = Spending()  # what the task model was really asked, caches aside: the measure of its pace
        self._earlier = 0.0  # seconds of earlier attempts at the same run
        self._start = time.monotonic()
        self._reserved_tokens, self._reserved_seconds = 0, 0.0
        for line in read_lines(path) if path else ():
            self._add(line["owner"], Spending(**{name: line[name] for name in asdict(Spending())}))
            self._earlier = line["elapsed"]

    @property
    def elapsed(self) -> float:
        """Wall-clock seconds over all attempts."""
        return self._earlier + time.monotonic() - self._start

    @property
    def usd(self) -> float | None:
        price = self.budget.usd_per_hour
        return None if price is None else self.elapsed / 3600 * price

    def record(self, owner: str, purpose: str, step: int, spending: Spending) -> None:
        """Book one purchase. `owner` is one of `OWNERS`; `purpose` says what for: reward, selection, test, ..."""
        self._add(owner, spending)
        if self.path:
            line = {"owner": owner, "purpose": purpose, "step": step, **asdict(spending), "elapsed": self.elapsed}
            append_line(self.path, line)

    def reserve(self, tokens: int, seconds: float) -> None:
        """Set aside what the final comparison will need; `release` gives it back."""
        self._reserved_tokens, self._reserved_seconds = tokens, seconds

    def release(self) -> None:
        self.reserve(0, 0.0)

    @property
    def tokens_left(self) -> float:
        """Task-model tokens until the first limit is reached; a limit in time counts at the pace measured so far."""
        limit, spent = self.budget.task_tokens, self.totals["task_model"]
        left = float("inf") if limit is None else limit - spent.tokens - self._reserved_tokens
        return min(left, self.seconds_left / self.seconds_per_token) if self.seconds_per_token else left

    @property
    def seconds_per_token(self) -> float:
        """Of the task model, when it was really asked; 0 where it was not yet."""
        tokens = self._asked.tokens_computed + self._asked.tokens_generated
        return self._asked.seconds / tokens if tokens else 0.0

    @property
    def seconds_left(self) -> float:
        """Until the limit in seconds, or in money, whichever comes first."""
        limits = [self.budget.seconds] if self.budget.seconds is not None else []
        if self.budget.usd is not None and self.budget.usd_per_hour:
            limits.append(self.budget.usd / self.budget.usd_per_hour * 3600)
        return min(limits, default=float("inf")) - self.elapsed - self._reserved_seconds

    def require(self, tokens: float = 0) -> None:
        """Call before spending.

        Raises:
            BudgetReached: `tokens` more would not fit, or the time is over.
        """
        if self.seconds_left <= 0:
            raise BudgetReached("the budget in seconds or usd is reached")
        if tokens > self.tokens_left:
            raise BudgetReached(f"the budget does not cover the next {tokens:,.0f} task-model tokens")

    def summary(self) -> dict[str, Any]:
        """The `cost` of `result.json`."""
        policy = self.totals["policy"]
        return {
            "task_model": {**asdict(self.totals["task_model"]), "tokens": self.totals["task_model"].tokens},
            "policy": {"tokens": policy.tokens, "seconds": policy.seconds},
            "seconds": self.elapsed,
            "gpu_hours": self.elapsed / 3600 * self.gpus,
            "usd": self.usd,
        }

    def _add(self, owner: str, spending: Spending) -> None:
        self.totals[owner] = self.totals[owner] + spending
        if owner == "task_model" and spending.calls:
            self._asked = self._asked + spending


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Append one whole JSON record; a line that a killed process left unfinished is ended first."""
    with open(path, "a+b") as file:
        if file.tell() and _last_byte(file) != b"\n":
            file.write(b"\n")
        file.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


def _last_byte(file) -> bytes:
    file.seek(-1, 2)
    return file.read(1)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole records of a .jsonl file; one that a killed process left unfinished is not among them."""
    records = []
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                records.append(json.loads(line.decode("utf-8", "surrogatepass")))
            except ValueError:
                continue  # only ever the torn line of a killed process
    return records
