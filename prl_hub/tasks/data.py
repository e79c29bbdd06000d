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
    try:
        path = Path(dataset).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError) as error:  # no permission, a name that is too long, the home of nobody
        raise DataError(f"cannot look for '{dataset}': {_line(error)}") from None
    if is_folder:
        return _read_folder(path, splits)
    if is_file and splits:
        raise DataError(f"'{path}' is one file: task.splits needs a folder with one file for each split")
    if is_file:
        return Source({"train": read_rows(path)}, {"train": path.name}, _parquet_names(path))
    if path.suffix.lower() in _SUFFIXES or not _HUB_ID.fullmatch(dataset):
        raise DataError(f"there is no file or folder '{dataset}' (and it is no Hub id, such as stanfordnlp/sst2)")
    return _read_hub(dataset, config, revision, splits)


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """The rows of one local file: jsonl, json, csv or parquet.

    Raises:
        DataError: it is of another kind, damaged, or holds something else than rows.
    """
    path = Path(path)
    readers = {".jsonl": _read_jsonl, ".json": _read_json, ".csv": _read_csv, ".parquet": _read_parquet}
    kind = path.suffix.lower()
    if kind not in readers:
        raise DataError(f"{path}: cannot read '{path.suffix}' files; known are: {', '.join(_SUFFIXES)}")
    try:
        return readers[kind](path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({_line(error)}): save it as UTF-8") from None
    except (OSError, ValueError, RecursionError, csv.Error) as error:
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
    for path in _data_files(folder):
        files.setdefault(_SHARD.sub("", path.stem), []).append(path)
    if not files:
        raise DataError(f"there is no data in '{folder}': expected files such as train.jsonl, test.csv, dev.parquet")
    origin = choose_splits(files, wanted, f"folder '{folder}'")
    splits = {role: [row for path in files[name] for row in read_rows(path)] for role, name in origin.items()}
    return Source(splits, origin, _parquet_names(files[next(iter(origin.values()))][0]))


def _data_files(folder: Path) -> list[Path]:
    """A link that leads nowhere is refused: without that split, another one would take its place."""
    try:
        entries = sorted([*folder.iterdir(), *(folder / "data").glob("*")])
        named = [path for path in entries if path.suffix.lower() in _SUFFIXES and not path.is_dir()]
        lost = next((path for path in named if not path.is_file()), None)
    except OSError as error:
        raise DataError(f"folder '{folder}' cannot be read: {_line(error)}") from None
    if lost:
        raise DataError(f"'{lost}' is no file that can be read: remove it, or mend the link")
    return named


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    rows = []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise DataError(f"{path}, line {number} is not JSON: {_line(error)}") from None
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
        reader = csv.DictReader(lines)
        header = reader.fieldnames or []
        if len(header) == 1 and (wrong := re.search(r"[;\t|]", header[0])):
            raise DataError(f"{path}: columns are separated by {wrong[0]!r}: save it with commas")
        return [_cells(row, f"{path}, line {reader.line_num}") for row in reader]


def _cells(row: dict[str | None, Any], where: str) -> dict[str, Any]:
    """What stands beyond the last column is the end of a text with a bare comma, and the label is wrong then."""
    if any(row.pop(None, ())):
        raise DataError(f"{where}: more cells than columns: a text that holds a comma needs quotes around it")
    return row


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    pyarrow, parquet = _pyarrow()
    try:
        return parquet.ParquetFile(path).read().to_pylist()
    except (pyarrow.ArrowException, OverflowError) as error:
        raise DataError(f"{path}: {_line(error)}") from None


def _parquet_names(path: Path) -> dict[str, tuple[str, ...]]:
    """What `datasets` wrote into the file about its class labels."""
    if path.suffix.lower() != ".parquet":
        return {}
    metadata = _pyarrow()[1].read_schema(path).metadata or {}
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, LookupError, TypeError):
        return {}
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
