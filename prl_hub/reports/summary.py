"""The last thing that `prl-hub train` prints: a block of plain text that somebody would paste into a chat.

No colour codes, at most 100 columns (only a long path may stand out), and nothing but the standard library.
"""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

from prl_hub.reports.facts import Facts, gather, headline
from prl_hub.reports.wording import count, duration, gpu_hours, p_value, score, signed, usd, visible
from prl_hub.run import Run

WIDTH, MARGIN, MOST_LINES = 100, 13, 12


def summary(run: Run | str | Path) -> str:
    """What came out of a run, or how far it has got."""
    run = run if isinstance(run, Run) else Run(run)
    facts = gather(run)
    blocks = [_title(facts), _prompts(facts), _scores(facts), _verdict(facts), _footer(run, facts)]
    return "\n\n".join(block for block in blocks if block)


def _title(facts: Facts) -> str:
    words = (facts.task, facts.model, facts.method, f"seed {facts.seed}")
    return textwrap.fill(" · ".join(visible(word) for word in words), WIDTH)


def _prompts(facts: Facts) -> str:
    lines = _entry("seed prompt", _full_text(facts.seed_prompt))
    if facts.best_prompt and not facts.found_nothing:
        lines += _entry("best prompt", _full_text(facts.best_prompt))
    return "\n".join(lines)


def _full_text(prompt: dict[str, Any]) -> str:
    return f"[system] {prompt['system']}\n{prompt['text']}" if prompt.get("system") else prompt["text"]


def _entry(name: str, text: str) -> list[str]:
    """The text, wrapped, with its name in the margin."""
    width = WIDTH - MARGIN
    wrapped = [part for line in visible(text).split("\n") for part in textwrap.wrap(line, width) or [""]]
    if len(wrapped) > MOST_LINES:
        wrapped = [*wrapped[: MOST_LINES - 1], "… (the whole prompt is in the report)"]
    return [f"{'' if number else name:<{MARGIN}}{line}".rstrip() for number, line in enumerate(wrapped)]


def _scores(facts: Facts) -> str:
    prompts = {"seed prompt": facts.seed_prompt}
    if facts.best_prompt and not facts.found_nothing:
        prompts["best prompt"] = facts.best_prompt
    if not facts.finished:
        known = {name: prompt["validation"] for name, prompt in prompts.items() if prompt["validation"]}
        lines = [_row(name, score(found["value"]), "", count(found["n"])) for name, found in known.items()]
        return "\n".join([_row("", f"validation {visible(facts.metric)}", "", "n"), *lines]) if lines else ""
    lines = [_row("", f"test {visible(facts.metric)}", "95 % interval", "n")]
    for name, prompt in prompts.items():
        test = prompt["test"]
        interval = f"{score(test['ci_low'])} to {score(test['ci_high'])}"
        lines.append(_row(name, score(test["value"]), interval, count(test["n"])))
    if not facts.found_nothing:
        lines.append(_difference(facts.comparison))
    return "\n".join(lines)


def _row(name: str, value: str, interval: str, n: str) -> str:
    return f"{name:<{MARGIN}}{value:>20}{interval:>20}{n:>9}".rstrip()


def _difference(comparison: dict[str, Any]) -> str:
    interval = f"{signed(comparison['ci_low'])} to {signed(comparison['ci_high'])}"
    row = _row("difference", signed(comparison["difference"]), interval, count(comparison["n"]))
    return f"{row}   {p_value(comparison['p_value'])} ({visible(comparison['test'])})"


def _verdict(facts: Facts) -> str:
    return textwrap.fill(" ".join(filter(None, (headline(facts), facts.ending))), WIDTH)


def _footer(run: Run, facts: Facts) -> str:
    page = run.path / "report.html"
    report = _nearest(page) if page.exists() else f"not written yet: prl-hub report {_nearest(run.path)}"
    lines = [*_entry("cost", cost_line(facts.cost)), f"{'run':<{MARGIN}}{_nearest(run.path)}"]
    lines.append(f"{'report':<{MARGIN}}{report}")
    return "\n".join(lines + (_entry("note", facts.toy_note) if facts.toy_note else []))


def cost_line(cost: dict[str, Any]) -> str:
    """Two bills and their sum in time and money, in one sentence-like line."""
    task_model, policy = cost["task_model"], cost["policy"]
    words = [
        f"task model {count(task_model['calls'])} calls, {count(task_model['tokens_computed'])} tokens computed, "
        f"{count(task_model['tokens_reused'])} reused, {count(task_model['tokens_generated'])} generated",
        f"policy {count(policy['tokens'])} tokens",
    ]
    totals = [duration(cost["seconds"])] if cost.get("seconds") is not None else []
    totals += [gpu_hours(cost["gpu_hours"])] if cost.get("gpu_hours") is not None else []
    totals += [usd(cost["usd"])] if cost.get("usd") is not None else []
    return "; ".join([*words, ", ".join(totals)] if totals else words)


def _nearest(path: Path) -> str:
    """Relative to where the user stands, if that is shorter."""
    return visible(min((str(path.absolute()), os.path.relpath(path)), key=len))
