"""What a run has to tell, finished or not, and the sentence that sums it up.

The one place that knows where a fact lies: in `result.json` when the run is done, else in the lines that it has
written so far. A fact that a run does not hold is None here and absent from every report; none is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from prl_hub.errors import RunError
from prl_hub.reports.wording import p_value, score, signed, visible
from prl_hub.run import Run
from prl_hub.types import as_prompt

TOY_NOTE = "{} is a toy model for trying and testing prl_hub; its numbers say nothing about real models."
_ENDINGS = {
    "stopped_by_budget": "The search stopped when its budget was spent.",
    "stopped_early": "The search stopped early, since several selections in a row found nothing better.",
}


@dataclass(frozen=True)
class Facts:
    """Prompts are mappings with id, text, system, and validation and test (each {value, n, ...}, or None)."""

    task: str
    metric: str
    model: str
    method: str
    seed: int
    steps: int
    status: str
    seed_prompt: dict[str, Any]
    best_prompt: dict[str, Any] | None
    comparison: dict[str, Any] | None
    cost: dict[str, Any]
    versions: dict[str, Any]
    revisions: dict[str, Any]

    @property
    def finished(self) -> bool:
        return self.comparison is not None

    @property
    def toy_note(self) -> str | None:
        return TOY_NOTE.format(visible(self.model)) if self.model.startswith("nano-") else None

    @property
    def ending(self) -> str | None:
        return _ENDINGS.get(self.status)

    @property
    def found_nothing(self) -> bool:
        """The prompt that the search chose is the one that it started from."""
        return self.best_prompt is not None and self.best_prompt["id"] == self.seed_prompt["id"]


@contextmanager
def readable(run: Run) -> Iterator[None]:
    """Turns what a folder makes go wrong that was damaged, edited by hand or is protected into one line.

    Raises:
        RunError: instead of whatever comes from inside.
    """
    try:
        yield
    except OSError as error:
        where = visible(error.filename or run.path)
        raise RunError(f"cannot report on run '{visible(run.path)}': {where}: {error.strerror}") from error
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        found = visible(f"{type(error).__name__}: {error}")
        raise RunError(f"run '{visible(run.path)}' is damaged, or was written by another version ({found})") from error


def gather(run: Run) -> Facts:
    config = run.config_tree
    steps = len(run.metrics)
    described = {"method": config["policy"]["name"], "steps": steps}
    return _finished(run.result, described) if run.done else _unfinished(run, config, described)


def _finished(result: dict[str, Any], described: dict[str, Any]) -> Facts:
    return Facts(
        task=result["task"],
        metric=result["metric"],
        model=result["task_model"]["id"],
        seed=result["seed"],
        status=result["status"],
        seed_prompt=_known(result["seed_prompt"]),
        best_prompt=_known(result["best_prompt"]),
        comparison=result["comparison"],
        cost=result["cost"],
        versions=result.get("versions") or {},
        revisions=result.get("revisions") or {},
        **described,
    )


def _known(prompt: dict[str, Any]) -> dict[str, Any]:
    """A run whose budget ended early may never have scored a prompt on its validation rows."""
    return prompt if prompt["validation"]["value"] is not None else prompt | {"validation": None}


def _unfinished(run: Run, config: dict[str, Any], described: dict[str, Any]) -> Facts:
    scored = {line["id"]: line for line in run.prompts if line["split"] == "validation" and line["value"] is not None}
    seed = as_prompt({"text": config["prompt"]["seed"], "system": config["prompt"]["system"]})
    # As the search selects: a row without an answer counts as a wrong one.
    best = max(scored.values(), key=lambda line: line["value"] * line["n"], default=None)
    return Facts(
        task=config["task"]["name"],
        metric=config["task"]["metric"] or "score",
        model=config["task_model"]["id"],
        seed=config["seed"],
        status="unfinished",
        seed_prompt=_so_far(seed.id, seed.text, seed.system, scored.get(seed.id)),
        best_prompt=_so_far(best["id"], best["text"], best.get("system"), best) if best else None,
        comparison=None,
        cost=_cost_so_far(run.ledger),
        versions={},
        revisions={},
        **described,
    )


def _so_far(id: str, text: str, system: str | None, line: dict[str, Any] | None) -> dict[str, Any]:
    validation = {"value": line["value"], "n": line["n"]} if line else None
    return {"id": id, "text": text, "system": system, "validation": validation, "test": None}


def _cost_so_far(ledger: list[dict[str, Any]]) -> dict[str, Any]:
    def total(owner: str, *keys: str) -> float:
        return sum(line[key] for line in ledger if line["owner"] == owner for key in keys)

    tokens = ("tokens_computed", "tokens_reused", "tokens_generated")
    return {
        "task_model": {key: total("task_model", key) for key in ("calls", *tokens, "seconds")},
        "policy": {"tokens": total("policy", *tokens), "seconds": total("policy", "seconds")},
        "seconds": ledger[-1]["elapsed"] if ledger else 0.0,
        "gpu_hours": None,
        "usd": None,
    }


def headline(facts: Facts) -> str:
    """The verdict in words alone."""
    method = visible(facts.method)
    if not facts.finished:
        return f"This run is not finished: {facts.steps} steps of {method} so far, and no test score yet."
    if facts.found_nothing:
        return f"No better prompt was found: {method} ends with the seed prompt itself."
    return {
        "better": f"The prompt found by {method} is better.",
        "worse": f"The prompt found by {method} is worse than the seed prompt.",
    }.get(facts.comparison["verdict"], f"No significant difference: {method} found no prompt that is reliably better.")


def verdict(facts: Facts) -> str:
    """The verdict with its numbers, one sentence that can stand alone."""
    if not facts.finished:
        return f"{headline(facts)}{_validation_so_far(facts)}"
    metric, test = visible(facts.metric), facts.best_prompt["test"]
    opening = headline(facts).removesuffix(".")
    if facts.found_nothing:
        return (
            f"{opening} (test {metric} {score(test['value'])}, 95 % interval {score(test['ci_low'])} to "
            f"{score(test['ci_high'])}, n={test['n']:,})."
        )
    joint = "; " if ":" in opening else ": "
    return f"{opening}{joint}test {metric} {_numbers(facts)}."


def _numbers(facts: Facts) -> str:
    c = facts.comparison
    return (
        f"{score(facts.seed_prompt['test']['value'])} → {score(facts.best_prompt['test']['value'])}, "
        f"difference {signed(c['difference'])} (95 % interval {signed(c['ci_low'])} to {signed(c['ci_high'])}), "
        f"{p_value(c['p_value'])} ({visible(c['test'])}), n={c['n']:,}"
    )


def _validation_so_far(facts: Facts) -> str:
    if facts.best_prompt is None:
        return ""
    best, seed = facts.best_prompt["validation"], facts.seed_prompt["validation"]
    start = f", seed prompt {score(seed['value'])}" if seed else ""
    return f" Best validation {visible(facts.metric)} {score(best['value'])}{start} (n={best['n']:,})."
