"""Texts from the files that people keep prompts and names in: .txt (one a line), .jsonl and .csv."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prl_hub.errors import DataError

# Columns that hold a prompt or a name in the lists that people share, the surest first.
COLUMNS = ("prompt", "text", "name", "act")


def read_texts(path: str | Path) -> list[str]:
    """The prompts (or names) in a file, without empty ones.

    Raises:
        DataError: the file cannot be read, has none of `COLUMNS`, or is empty.
    """
    path = Path(path)
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read '{path}': {error}") from None
    texts = [text.strip() for text in _texts(content, path) if text.strip()]
    if not texts:
        raise DataError(f"there is nothing in '{path}'")
    return texts


def _texts(content: str, path: Path) -> list[str]:
    if path.suffix in (".jsonl", ".json"):
        return _column(_json_lines(content, path), path)
    if path.suffix == ".csv":
        csv.field_size_limit(len(content) + 1)
        try:
            return _column(list(csv.DictReader(io.StringIO(content, newline=""))), path)
        except csv.Error as error:
            raise DataError(f"'{path}' is not CSV: {error}") from None
    return content.splitlines()


def _json_lines(content: str, path: Path) -> list[Any]:
    try:
        return [json.loads(line) for line in content.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise DataError(f"'{path}' is not JSON lines: {error}") from None


def _column(rows: Iterable[Any], path: Path) -> list[str]:
    texts = []
    for row in rows:
        found = next((row[name] for name in COLUMNS if name in row), None) if isinstance(row, Mapping) else row
        if found is None:
            raise DataError(f"a row of '{path}' has none of the columns {', '.join(COLUMNS)}")
        if not isinstance(found, str):
            raise DataError(f"a row of '{path}' holds {str(found)[:60]!r} where a text was expected")
        texts.append(found)
    return texts
