"""The pictures of a run: learning curve, probability of each arm, and what was paid for.

Each is a matplotlib figure that `write_plots` saves as PNG and `svg` turns into part of the report. Figures are made
without pyplot, so nothing global changes in a program that calls this. A picture without data is not drawn.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prl_hub.reports.facts import Facts, gather
from prl_hub.reports.tables import spending
from prl_hub.reports.wording import count, is_number, score, shorten, visible
from prl_hub.run import Run

INK, MUTED, GRID = "#24292f", "#6e7781", "#d8dee4"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette, without the black and the yellow that a dark and a white page would swallow."""
NAMED_ARMS = 8
_DASHES = ("-", (0, (4, 2)))
_STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,  # a prompt may hold dollar signs
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True)
class Plot:
    """`description` says in words what the picture shows, for those who do not see it."""

    name: str
    title: str
    description: str
    figure: Any


def write_plots(run: Run | str | Path) -> list[Path]:
    """Save every plot that the run has data for as `RUN/plots/*.png`."""
    run = run if isinstance(run, Run) else Run(run)
    paths = []
    for plot in draw(run, gather(run)):
        path = run.path / "plots" / f"{plot.name}.png"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)  # a link, as in a downloaded folder, must not lead the picture elsewhere
        with style():
            plot.figure.savefig(path, dpi=160, facecolor="white", metadata={"Software": None})
        paths.append(path)
    return paths


def draw(run: Run, facts: Facts) -> list[Plot]:
    with style():
        plots = [learning_curve(run, facts), arm_probability(run), spending_bars(run)]
    return [plot for plot in plots if plot]


@contextmanager
def style() -> Iterator[None]:
    """Our settings for as long as figures are made or saved."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # the same picture whatever the user's own settings are
        matplotlib.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", message="Glyph")  # a prompt in a script that the font lacks
        yield


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns, sharey=True)


def learning_curve(run: Run, facts: Facts) -> Plot | None:
    lines = run.metrics
    if not lines:
        return None
    figure, axes = _figure(6, 4)
    steps = [line["step"] for line in lines]
    mark = "o" if len(steps) < 30 else ""
    curves = {  # key in metrics.jsonl: label, look
        "reward_max": (
            "best training reward of the step",
            {"color": COLOURS[5], "lw": 1.3, "ls": ":", "marker": mark},
        ),
        "reward_mean": ("mean training reward", {"color": COLOURS[0], "lw": 1.6, "marker": mark}),
        "best_value": ("best prompt so far, validation", {"color": COLOURS[1], "lw": 2, "drawstyle": "steps-post"}),
    }
    for key, (label, look) in curves.items():
        known = [(line["step"], line[key]) for line in lines if is_number(line.get(key))]
        if known:
            axes.plot(*zip(*known, strict=True), label=label, markersize=3, **look)
    if facts.seed_prompt["validation"]:
        start = facts.seed_prompt["validation"]["value"]
        axes.axhline(start, color=MUTED, ls=(0, (5, 3)), lw=1.4, label="seed prompt, validation")
    axes.set(title="Learning curve", xlabel="step", ylabel=f"reward, validation {shorten(facts.metric, 30)}")
    _whole_steps(axes)
    _tokens_on_top(axes, steps, [line.get("task_tokens") for line in lines])
    figure.legend(loc="outside lower left", ncols=2)
    return Plot("learning_curve", "Learning curve", _learning_in_words(lines, facts), figure)


def _learning_in_words(lines: list[dict[str, Any]], facts: Facts) -> str:
    rewards = [line["reward_mean"] for line in lines if is_number(line.get("reward_mean"))]
    values = [line["best_value"] for line in lines if is_number(line.get("best_value"))]
    words = [f"{len(lines)} steps."]
    if rewards:
        words.append(f"Mean training reward from {score(rewards[0])} to {score(rewards[-1])}.")
    if values:
        words.append(f"Best validation {visible(facts.metric)} from {score(values[0])} to {score(values[-1])}.")
    return " ".join(words)


def _whole_steps(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _tokens_on_top(axes: Any, steps: list[int], tokens: list[Any]) -> None:
    """A second scale: how many tokens of the task model had been spent by then."""
    if not all(is_number(amount) for amount in tokens):
        return
    from matplotlib.ticker import EngFormatter

    low, high = axes.get_xlim()
    known = dict(zip(steps, tokens, strict=True))
    ticks = [int(tick) for tick in axes.get_xticks() if low <= tick <= high and tick in known]
    axes.set_xlim(low, high)
    top = axes.secondary_xaxis("top")
    short = EngFormatter(places=1, sep="")
    top.set_xticks(ticks, [short(known[tick]).replace(".0", "") for tick in ticks])
    top.set_xlabel("tokens of the task model so far", fontsize=9, color=MUTED)
    top.tick_params(labelsize=9, colors=MUTED)


def arm_probability(run: Run) -> Plot | None:
    """Only bandits say how likely each of their arms is to be the best."""
    lines = [line for line in run.metrics if line.get("arm_probability")]
    if not lines:
        return None
    texts = {line["id"]: line["text"] for line in run.prompts}
    final = lines[-1]["arm_probability"]
    arms = sorted({arm for line in lines for arm in line["arm_probability"]}, key=lambda arm: -final.get(arm, 0.0))
    named, rest = arms[:NAMED_ARMS], arms[NAMED_ARMS:]
    figure, axes = _figure(6, 3.4 + 0.2 * min(len(arms), NAMED_ARMS + 1))
    steps = [line["step"] for line in lines]
    for number, arm in enumerate(rest + named[::-1]):
        shares = [line["arm_probability"].get(arm, math.nan) for line in lines]
        axes.plot(steps, shares, **_arm_look(arm, named, texts, final, f"{len(rest)} others" if not number else None))
    axes.set(title="How probable each arm is to be the best", xlabel="step", ylabel="probability", ylim=(-0.02, 1.02))
    _whole_steps(axes)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower left")
    words = f"{len(arms)} arms over {len(lines)} steps. In the end: " + "; ".join(
        f"{score(final.get(arm))} {shorten(texts.get(arm, arm), 60)}" for arm in named[:3]
    )
    return Plot("arm_probability", "How probable each arm is to be the best", words, figure)


def _arm_look(arm: str, named: list[str], texts: dict, final: dict, others: str | None) -> dict[str, Any]:
    if arm not in named:
        return {"color": MUTED, "alpha": 0.4, "lw": 0.8, "label": others}
    place = named.index(arm)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "ls": _DASHES[place // len(COLOURS)],
        "lw": 1.8,
        "label": f"{final.get(arm, 0.0):.2f}  {shorten(texts.get(arm, arm), 62)}",
    }


def spending_bars(run: Run) -> Plot | None:
    purposes = spending(run)
    if not purposes:
        return None
    figure, (left, right) = _figure(6, 1.7 + 0.34 * len(purposes), columns=2)
    names = [_purpose(row) for row in purposes]
    start = [0] * len(purposes)
    for kind, colour, hatch in (("computed", 0, ""), ("generated", 1, "///"), ("reused", 5, "...")):
        amounts = [row[f"tokens_{kind}"] for row in purposes]
        left.barh(names, amounts, left=start, color=COLOURS[colour], hatch=hatch, edgecolor="white", label=kind, lw=0)
        start = [a + b for a, b in zip(start, amounts, strict=True)]
    right.barh(names, [row["seconds"] for row in purposes], color=MUTED)
    _finish_bars(left, right)
    figure.suptitle("What was paid for", x=0.01, ha="left", fontsize=11, weight="bold")
    figure.legend(loc="outside lower left", ncols=3)
    words = "; ".join(
        f"{name}: {count(total)} tokens, {row['seconds']:.1f} seconds"
        for name, total, row in zip(names, start, purposes, strict=True)
    )
    return Plot("spending", "What was paid for", words, figure)


def _purpose(row: dict[str, Any]) -> str:
    return shorten(row["purpose"] if row["owner"] == "task_model" else f"policy: {row['purpose']}", 24)


def _finish_bars(left: Any, right: Any) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    left.invert_yaxis()
    left.set_xlabel("tokens")
    right.set_xlabel("seconds")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
