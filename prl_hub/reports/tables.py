"""From the lines of a run to the tables of its report: spending, candidates, changed rows, settings.

Plain lists of mappings in the order in which they are shown. Neither HTML nor numbers as text: that is the template's
business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prl_hub.reports.facts import Facts
from prl_hub.run import Run

_AMOUNTS = ("calls", "tokens_computed", "tokens_reused", "tokens_generated", "seconds")


def spending(run: Run) -> list[dict[str, Any]]:
    """What was paid for, added up by owner and purpose, in the order of first use."""
    totals: dict[tuple[str, str], dict[str, Any]] = {}
    for line in run.ledger:
        key = line["owner"], line["purpose"]
        total = totals.setdefault(key, {"owner": key[0], "purpose": key[1], **dict.fromkeys(_AMOUNTS, 0)})
        for amount in _AMOUNTS:
            total[amount] += line[amount]
    return sorted(totals.values(), key=lambda total: total["owner"] != "task_model")


def candidates(run: Run) -> list[dict[str, Any]]:
    """Every prompt once: the best on validation rows first, then by training reward, those never scored last."""
    gathered: dict[str, dict[str, Any]] = {}
    for line in run.prompts:
        found = gathered.setdefault(line["id"], _candidate(line))
        if line["split"] == "validation" and line["value"] is not None:
            found["validation"] = line
        elif line["split"] == "train":
            found["train"].append(line)
            found["flaw"] = line.get("flaw")
    for found in gathered.values():
        found.update(_training(found["train"]))
    return sorted(gathered.values(), key=_rank)


def _candidate(line: dict[str, Any]) -> dict[str, Any]:
    known = {key: line.get(key) for key in ("id", "text", "system", "origin", "step", "flaw")}
    return {**known, "validation": None, "train": []}


def _training(lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Mean reward and parts over all minibatches that the prompt was scored on, each row counting once."""
    scored = [line for line in lines if line.get("reward") is not None and line["n"]]
    rows = sum(line["n"] for line in scored)
    names = {name: None for line in scored for name in line.get("parts") or {}}
    return {
        "rows": rows,
        "reward": sum(line["reward"] * line["n"] for line in scored) / rows if rows else None,
        "parts": {name: _mean_part(scored, name) for name in names},
    }


def _mean_part(lines: list[dict[str, Any]], name: str) -> float | None:
    known = [line for line in lines if (line.get("parts") or {}).get(name) is not None]
    rows = sum(line["n"] for line in known)
    return sum(line["parts"][name] * line["n"] for line in known) / rows if rows else None


def _rank(found: dict[str, Any]) -> tuple:
    validation, reward = found["validation"], found["reward"]
    return (
        validation is None,
        -validation["value"] if validation else 0,
        reward is None,
        -reward if reward is not None else 0,
        found["step"],
    )


def changed_rows(run: Run, facts: Facts) -> dict[str, Any] | None:
    """Test rows on which the best prompt did better ("gained") and worse ("lost"), largest change first.

    None where there is nothing to pair: no test, no rows kept, or the seed prompt itself was chosen.
    """
    rows = run.rows
    if not rows or not facts.finished or facts.found_nothing:
        return None
    old, new = ([row for row in rows if row["prompt_id"] == p["id"]] for p in (facts.seed_prompt, facts.best_prompt))
    # Both prompts were scored on the same examples in the same order.
    pairs = [_pair(a, b, facts) for a, b in zip(old, new, strict=False) if a["example_id"] == b["example_id"]]
    scored = [pair for pair in pairs if pair["change"] is not None]
    return {
        "gained": sorted((pair for pair in scored if pair["change"] > 0), key=lambda pair: -pair["change"]),
        "lost": sorted((pair for pair in scored if pair["change"] < 0), key=lambda pair: pair["change"]),
        "same": sum(pair["change"] == 0 for pair in scored),
        "failed": len(pairs) - len(scored),
    }


def _pair(old: dict[str, Any], new: dict[str, Any], facts: Facts) -> dict[str, Any]:
    failed = old["score"] is None or new["score"] is None
    return {
        "input": _input(new["messages"], facts.best_prompt["text"]),
        "label": new["label"],
        "old": old,
        "new": new,
        "change": None if failed else new["score"] - old["score"],
    }


def _input(messages: list[dict[str, str]], prompt: str) -> str:
    """The user's message without the prompt; the whole message where the prompt is a template around the input."""
    content = next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")
    return content.replace(prompt, "", 1).strip() or content


def flatten(tree: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """`(key.path, value)` of every setting, as they would be written on the command line."""
    pairs = []
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            pairs += flatten(value, f"{path}{key}.")
        else:
            pairs.append((f"{path}{key}", value))
    return pairs
