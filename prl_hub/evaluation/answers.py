"""Answers that were paid for, kept so that none is paid for twice.

Two SQLite files with the same table. The run's own says what this run has been charged for: a hit there is free. The
shared one belongs to the user and outlives runs: a hit there costs no computing, but counts towards the budget, so
that a run does not depend on what other runs have asked before.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prl_hub.errors import ConfigError, RunError
from prl_hub.types import Answer, Decoding

_COLUMNS = ("text", "tokens_computed", "tokens_reused", "tokens_generated", "logprobs")
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, text TEXT NOT NULL, tokens_computed INTEGER NOT NULL, "
    "tokens_reused INTEGER NOT NULL, tokens_generated INTEGER NOT NULL, logprobs TEXT NOT NULL) WITHOUT ROWID"
)


def answer_key(*, model: Mapping[str, Any], decoding: Decoding, rendered: str) -> str:
    """The name of an answer: everything that changes it, and nothing else."""
    whole = {"model": dict(model), "decoding": asdict(decoding), "rendered": rendered}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def default_cache() -> Path:
    """`$PRL_HUB_CACHE`, or prl_hub/answers.sqlite in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PRL_HUB_CACHE") or Path(home) / "prl_hub" / "answers.sqlite")


def shared_answers(cache: str | None) -> AnswerStore | None:
    """The store that runs share: a file, the user's own by default, or none for "off"."""
    try:
        return None if cache == "off" else AnswerStore(cache or default_cache())
    except RunError as error:
        raise ConfigError(f"{error}; name another file with evaluation.cache, or 'off'") from None


class AnswerStore:
    """One SQLite file of answers. Safe with several processes; `path` None keeps it in memory.

    Raises:
        RunError: the file cannot be opened, or is something else.
    """

    def __init__(self, path: str | Path | None = None):
        try:
            if path is not None:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path or ":memory:", timeout=60, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"answers cannot be kept in '{path}': {error}") from None

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        found = {}
        for start in range(0, len(keys), 500):  # SQLite's limit of variables in a statement
            part = keys[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._db.execute(f"SELECT key, {','.join(_COLUMNS)} FROM answers WHERE key IN ({marks})", part)
            found.update({key: Answer(*plain, json.loads(logprobs)) for key, *plain, logprobs in rows})
        return found

    def put(self, answers: Iterable[tuple[str, Answer]]) -> None:
        """Keep answers; failed ones are not kept, so that they are asked again."""
        rows = [(key, *_values(answer)) for key, answer in answers if answer.error is None]
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?)", rows)

    def tokens(self) -> int:
        """All tokens behind the answers, whoever computed them."""
        total = "SELECT SUM(tokens_computed + tokens_reused + tokens_generated) FROM answers"
        return self._db.execute(total).fetchone()[0] or 0

    def close(self) -> None:
        self._db.close()


def _values(answer: Answer) -> tuple:
    logprobs = None if answer.logprobs is None else dict(answer.logprobs)
    return (
        answer.text,
        answer.tokens_computed,
        answer.tokens_reused,
        answer.tokens_generated,
        json.dumps(logprobs),
    )
