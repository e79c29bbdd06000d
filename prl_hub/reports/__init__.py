"""Reports of a run, made from its folder alone: a text for the terminal, plots, and one self-contained HTML page.

No model and no torch; matplotlib and Jinja2 are loaded when a plot or page is made.
"""

from __future__ import annotations

from prl_hub.reports.diff import word_diff
from prl_hub.reports.evaluations import evaluation_table
from prl_hub.reports.facts import Facts, gather, verdict
from prl_hub.reports.html import write_report
from prl_hub.reports.plots import write_plots
from prl_hub.reports.summary import summary

__all__ = ["Facts", "evaluation_table", "gather", "summary", "verdict", "word_diff", "write_plots", "write_report"]
