"""From a file, a folder or a Hub id to plain rows, split by split.

What comes out is a `Source`: lists of dicts as the data set holds them. Which column means what is the business of
`examples`, who belongs into which final split that of `splits`. Local data needs neither the network nor torch.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prl_hub.errors import DataError, MissingExtra, did_you_mean

_SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")
_USUAL = {"train": ("train",), "validation": ("validation", "valid", "val", "dev"), "test": ("test",)}
_SHARD = re.compile(r"[-_.]\d+.*$")
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


@dataclass(frozen=True)
class Source:
    """Rows by role (train, validation, test), and what is known about where they came from."""

    splits: Mapping[str, list[dict[str, Any]]]
    origin: Mapping[str, str]
    """The source's own name for the split of each role."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For columns of class labels: what their numbers mean."""
    revision: str | None = None
    """The commit of a Hub data set."""


def read_source(
    dataset: str, config: str | None = None, revision: str | None = None, splits: Mapping[str, str] | None = None
) -> Source:
    """Read a local file or folder, else a Hub data set.

    Args:
        splits: which split of the data set plays which role; None: each has its usual name.

    Raises:
        DataError: it cannot be found or read; one line says why.
    """
    path = Path(dataset).expanduser()
    if path.is_dir():
        return _read_folder(path, splits)
    if path.is_file():
        return Source({"train": read_rows(path)}, {"train": path.name}, _parquet_names(path))
    if path.suffix in _SUFFIXES or not _HUB_ID.fullmatch(dataset):
        raise DataError(f"there is no file or folder '{dataset}' (and it is no Hub id, such as stanfordnlp/sst2)")
    return _read_hub(dataset, config, revision, splits)


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """The rows of one local file: jsonl, json, csv or parquet.

    Raises:
        DataError: it is of another kind, damaged, or holds something else than rows.
    """
    path = Path(path)
    readers = {".jsonl": _read_jsonl, ".json": _read_json, ".csv": _read_csv, ".parquet": _read_parquet}
    if path.suffix not in readers:
        raise DataError(f"{path}: cannot read '{path.suffix}' files; known are: {', '.join(_SUFFIXES)}")
    try:
        return readers[path.suffix](path)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise DataError(f"{path}: {_line(error)}") from None


def choose_splits(names: Iterable[str], wanted: Mapping[str, str] | None, where: str) -> dict[str, str]:
    """Which of a source's splits plays which role."""
    names = list(names)
    if wanted:
        for name in wanted.values():
            if name not in names:
                raise DataError(f"{where} has no split '{name}': {did_you_mean(name, names)}")
        return dict(wanted)
    chosen = {role: name for role, usual in _USUAL.items() for name in reversed(usual) if name in names}
    if not chosen and len(names) == 1:
        return {"train": names[0]}
    if not chosen:
        raise DataError(f"{where} has no split named train, validation or test; there are: {', '.join(names)}")
    return chosen


def _read_folder(folder: Path, wanted: Mapping[str, str] | None) -> Source:
    files: dict[str, list[Path]] = {}
    for path in sorted([*folder.iterdir(), *(folder / "data").glob("*")]):
        if path.suffix in _SUFFIXES and path.is_file():
            files.setdefault(_SHARD.sub("", path.stem), []).append(path)
    if not files:
        raise DataError(f"there is no data in '{folder}': expected files such as train.jsonl, test.csv, dev.parquet")
    origin = choose_splits(files, wanted, f"folder '{folder}'")
    splits = {role: [row for path in files[name] for row in read_rows(path)] for role, name in origin.items()}
    return Source(splits, origin, _parquet_names(files[next(iter(origin.values()))][0]))


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    rows = []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except json.JSONDecodeError as error:
                    raise DataError(f"{path}, line {number} is not JSON: {error.msg}") from None
    return _checked(rows, path)


def _read_json(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8-sig")
    try:
        rows = json.loads(text)
    except json.JSONDecodeError:  # many ".json" files on the Hub hold one object a line
        return _read_jsonl(path)
    if isinstance(rows, dict):
        rows = rows.get("data", [rows])
    return _checked(rows, path)


def _read_csv(path: Path) -> list[dict[str, Any]]:
    csv.field_size_limit(2**31 - 1)  # a cell may hold a whole document
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return [{key: value for key, value in row.items() if key is not None} for row in csv.DictReader(lines)]


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    pyarrow, parquet = _pyarrow()
    try:
        return parquet.read_table(path).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{path}: {_line(error)}") from None


def _parquet_names(path: Path) -> dict[str, tuple[str, ...]]:
    """What `datasets` wrote into the file about its class labels."""
    if path.suffix != ".parquet":
        return {}
    metadata = _pyarrow()[1].read_schema(path).metadata or {}
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    return {
        column: tuple(feature["names"])
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("pyarrow", "train") from None
    return pyarrow, pyarrow.parquet


def _checked(rows: Any, path: Path) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: expected rows of the form {{column: value}}")
    return rows


def _read_hub(dataset: str, config: str | None, revision: str | None, wanted: Mapping[str, str] | None) -> Source:
    """Code from the repository never runs here: `datasets` refuses loading scripts."""
    try:
        import datasets
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise MissingExtra("datasets", "train") from None
    commit = _commit(dataset, revision)
    try:
        tables = datasets.load_dataset(dataset, name=config, revision=commit)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError, HfHubHTTPError) as error:
        raise DataError(f"cannot load data set '{dataset}': {_line(error)}") from None
    return hub_source(tables, wanted, f"data set '{dataset}'", commit)


def hub_source(
    tables: Mapping[str, Any], wanted: Mapping[str, str] | None, where: str, revision: str | None = None
) -> Source:
    """The rows of a `datasets.DatasetDict`; only the splits that are needed are taken into memory."""
    from datasets import ClassLabel

    origin = choose_splits(tables, wanted, where)
    splits = {role: tables[name].to_list() for role, name in origin.items()}
    features = tables[next(iter(origin.values()))].features
    names = {column: tuple(feature.names) for column, feature in features.items() if isinstance(feature, ClassLabel)}
    return Source(splits, origin, names, revision)


def _commit(dataset: str, revision: str | None) -> str | None:
    """The commit that a branch or tag means now; asked first, for `datasets` retries half a minute without network."""
    import huggingface_hub
    from huggingface_hub import errors

    try:
        return huggingface_hub.HfApi().dataset_info(dataset, revision=revision, timeout=20).sha
    except errors.RevisionNotFoundError:
        raise DataError(f"data set '{dataset}' has no revision '{revision}'") from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise DataError(f"there is no data set '{dataset}' on the Hub, or it is private: hf auth login") from None
    except errors.OfflineModeIsEnabled:
        return revision  # a copy in the cache will do
    except (OSError, *errors.HfHubHTTPError.__bases__) as error:  # the bases are those of the client's HTTP library
        raise DataError(
            f"cannot reach the Hub for data set '{dataset}' ({_line(error)}): "
            "give task.dataset=a local folder or file, or HF_HUB_OFFLINE=1 for a copy in the cache"
        ) from None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
