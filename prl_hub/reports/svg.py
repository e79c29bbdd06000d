"""A matplotlib figure as a piece of HTML: scalable, readable aloud, in the colours of the page, the same every time.

Not a general converter: it knows what matplotlib writes, and the colours that `plots` uses.
"""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from prl_hub.reports.plots import COLOURS, GRID, INK, MUTED, Plot, style

# The page sets these variables, so that one picture suits a light and a dark page.
_PAGE_COLOURS = {
    INK: f"var(--ink, {INK})",
    MUTED: f"var(--muted, {MUTED})",
    GRID: f"var(--line, {GRID})",
    **{colour: f"var(--plot-{number}, {colour})" for number, colour in enumerate(COLOURS)},
}


def inline_svg(plot: Plot) -> str:
    root = ElementTree.fromstring(_rendered(plot))
    for element in list(root):
        if element.tag.endswith("}metadata"):
            root.remove(element)
    for element in root.iter():
        _adapt(element, plot.name)
    for clutter in root.findall("defs"):
        if clutter.find("style") is not None:  # a rule for `*`, which would reach the rest of the page
            root.remove(clutter)
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-labelledby": f"{plot.name}-title {plot.name}-desc",
    }
    for place, (tag, text) in enumerate((("title", plot.title), ("desc", plot.description))):
        element = ElementTree.Element(tag, {"id": f"{plot.name}-{tag}"})
        element.text = text
        root.insert(place, element)
    return ElementTree.tostring(root, encoding="unicode")


def _rendered(plot: Plot) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    with style(), matplotlib.rc_context({"svg.hashsalt": plot.name}):
        plot.figure.savefig(buffer, format="svg", facecolor="none", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _adapt(element: ElementTree.Element, name: str) -> None:
    """Drop namespaces (HTML needs none), make ids unique in the page, and take the colours of the page."""
    element.tag = element.tag.rpartition("}")[2]
    adapted = {}
    for key, value in element.attrib.items():
        key = key.rpartition("}")[2]
        if key == "id":
            value = f"{name}-{value}"
        elif key == "href":
            value = value.replace("#", f"#{name}-", 1)
        else:
            value = re.sub(r"#[0-9a-f]{6}\b", lambda found: _PAGE_COLOURS.get(found[0], found[0]), value)
            value = value.replace("url(#", f"url(#{name}-")
        adapted[key] = value
    element.attrib = adapted
