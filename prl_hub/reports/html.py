"""report.html: one page that opens from disk, loads nothing, runs nothing, and tells the whole run.

Everything that comes out of a run is untrusted. Jinja2 escapes it, and `_shown`, through which every printed value
goes, also writes out hidden characters; a policy in the page's head forbids scripts and anything from elsewhere, in
case both should ever fail. What the page says is gathered in `facts` and `tables`; how it says it is in `templates`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prl_hub.reports import wording
from prl_hub.reports.diff import word_diff
from prl_hub.reports.facts import Facts, gather, headline, readable, verdict
from prl_hub.reports.plots import draw, write_plots
from prl_hub.reports.summary import cost_line
from prl_hub.reports.tables import candidates, changed_rows, flatten, spending
from prl_hub.run import Run, write_aside

MOST_CANDIDATES, MOST_ROWS, LONGEST_TEXT = 50, 20, 6000
_TEMPLATES = Path(__file__).parent / "templates"


def write_report(run: Run | str | Path) -> Path:
    """Write `RUN/report.html` and `RUN/plots/*.png`, for a finished run or one on its way, and return the page.

    Raises:
        RunError: there is no run in that folder, it is damaged, or nothing can be written there.
    """
    run = run if isinstance(run, Run) else Run(run)
    page = run.path / "report.html"
    with readable(run):
        text = render(run)
        write_plots(run)
        write_aside(page, text)
    return page


def render(run: Run) -> str:
    """The page as text."""
    from prl_hub.reports.svg import inline_svg

    facts, found = gather(run), candidates(run)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            facts=facts,
            folder=run.path.absolute().name,
            headline=headline(facts),
            verdict=verdict(facts),
            cost_line=cost_line(facts.cost),
            changes=_changes(facts),
            plots={plot.name: _trusted(inline_svg(plot)) for plot in draw(run, facts)},
            spending=spending(run),
            candidates=found[:MOST_CANDIDATES],
            candidates_in_all=len(found),
            rows=changed_rows(run, facts),
            most_rows=MOST_ROWS,
            settings=[(key, json.dumps(value, ensure_ascii=False)) for key, value in flatten(run.config_tree)],
            provenance=_provenance(run, facts),
        )
    )


def _changes(facts: Facts) -> dict[str, list]:
    """What the search changed in each part of the prompt; empty when there is nothing to compare."""
    if facts.best_prompt is None or facts.found_nothing:
        return {}
    old, new = facts.seed_prompt, facts.best_prompt
    changes = {"Prompt": word_diff(old["text"], new["text"])}
    if old.get("system") != new.get("system"):
        changes["System message"] = word_diff(old.get("system") or "", new.get("system") or "")
    return changes


def _provenance(run: Run, facts: Facts) -> list[tuple[str, str]]:
    """Exact versions and revisions, those that the run knows."""
    model = run.result["task_model"] if run.done else {}
    pairs = flatten({"task_model": model, "revisions": facts.revisions, "versions": facts.versions})
    return [(key, str(value)) for key, value in pairs if value not in (None, {}, "")]


def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        {name: getattr(wording, name) for name in ("score", "signed", "p_value", "count", "duration", "shorten")},
        cut=_cut,
    )
    environment.tests["in_unit_interval"] = lambda test: 0 <= test["ci_low"] <= test["ci_high"] <= 1
    return environment


def _shown(value: Any) -> Any:
    """Every value on its way to the page: hidden characters become marked escapes, and the rest is escaped."""
    from markupsafe import Markup, escape

    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    if not any(map(wording.is_hidden, value)):
        return escape(value)
    mark = Markup('<span class="hidden-character">{}</span>').format
    return Markup("").join(mark(wording.escape_code(c)) if wording.is_hidden(c) else c for c in value)


def _cut(text: str) -> str:
    """Keeps one endless answer from making the page endless."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} … ({len(text):,} characters in all)"


def _trusted(svg: str) -> Any:
    from markupsafe import Markup

    return Markup(svg)
