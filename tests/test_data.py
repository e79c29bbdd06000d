import json
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prl_hub.errors import ConfigError, DataError
from prl_hub.tasks.builtin import CLASSIFICATION, GENERATION, GSM8K, MR, SST2, TREC
from prl_hub.tasks.data import Source, hub_source, read_rows, read_source
from prl_hub.tasks.examples import Labels, find_columns, find_labels, to_examples
from prl_hub.tasks.splits import divide
from prl_hub.types import Example

ROWS = [{"text": "a fine film", "label": "good"}, {"text": 'dull, "long"\nand loud', "label": "bad"}]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def refusal(action, kind=DataError):
    with pytest.raises(kind) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_jsonl_json_csv_and_parquet_hold_the_same_rows(tmp_path):
    import csv

    import pyarrow
    import pyarrow.parquet

    write(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    write(tmp_path / "lines.json", ROWS)
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(ROWS)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.json", "lines.json", "a.csv", "a.parquet"):
        assert read_rows(tmp_path / name) == ROWS


def test_a_folder_is_read_by_the_names_of_its_files(tmp_path):
    write(tmp_path / "train-00000-of-00002.jsonl", ROWS[:1])
    write(tmp_path / "train-00001-of-00002.jsonl", ROWS[1:])
    write(tmp_path / "dev.jsonl", ROWS)
    write(tmp_path / "notes.jsonl", ROWS)
    source = read_source(str(tmp_path))
    assert source.splits == {"train": ROWS, "validation": ROWS}
    assert source.origin == {"train": "train", "validation": "dev"}


def test_a_folder_with_one_file_of_any_name_is_all_train(tmp_path):
    write(tmp_path / "reviews.jsonl", ROWS)
    assert read_source(str(tmp_path)).splits == {"train": ROWS}


def test_class_names_are_read_from_parquet_files_and_data_sets_alike(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    table = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    table.to_parquet(tmp_path / "train.parquet")
    local = read_source(str(tmp_path))
    hub = hub_source(datasets.DatasetDict(train=table, unused=table), None, "data set 'x'", "abc")
    assert local.splits == hub.splits == {"train": [{"text": "a", "label": 1}, {"text": "b", "label": 0}]}
    assert local.names == hub.names == {"label": ("neg", "pos")}
    assert hub.revision == "abc"


def test_data_that_cannot_be_read_is_refused_in_one_line(tmp_path):
    assert "no file or folder './nowhere'" in refusal(lambda: read_source("./nowhere"))
    assert "no file or folder 'x.csv'" in refusal(lambda: read_source("x.csv"))
    assert "there is no data in" in refusal(lambda: read_source(str(tmp_path)))
    (tmp_path / "a.jsonl").write_text('{"text": 1}\n{oops\n')
    assert "line 2 is not JSON" in refusal(lambda: read_rows(tmp_path / "a.jsonl"))
    (tmp_path / "b.json").write_text("[1, 2]")
    assert "expected rows" in refusal(lambda: read_rows(tmp_path / "b.json"))
    (tmp_path / "c.parquet").write_bytes(b"no parquet at all")
    assert "c.parquet" in refusal(lambda: read_rows(tmp_path / "c.parquet"))
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe\x00bad")
    assert "d.csv" in refusal(lambda: read_rows(tmp_path / "d.csv"))
    assert "save it as UTF-8" in refusal(lambda: read_rows(tmp_path / "d.csv"))
    assert "cannot read '.txt'" in refusal(lambda: read_rows(tmp_path / "e.txt"))
    assert "no split named train" in refusal(lambda: read_source(str(tmp_path)))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"text": ' + "9" * 5000 + "}"])
def test_json_that_python_will_not_read_is_refused_in_one_line(text, tmp_path):
    for name in ("a.jsonl", "a.json"):
        (tmp_path / name).write_text(text)
        assert name in refusal(lambda name=name: read_rows(tmp_path / name))


def test_a_csv_file_whose_cells_are_not_its_columns_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nfine,good\na film, a bad one,bad\n")
    assert "a.csv, line 3: more cells than columns" in refusal(lambda: read_rows(path))
    path.write_text("text;label\nfine;good\n")
    assert "columns are separated by ';'" in refusal(lambda: read_rows(path))
    path.write_text("text,label\nfine,good,\n")
    assert read_rows(path) == [{"text": "fine", "label": "good"}]


def test_a_place_that_cannot_be_looked_at_is_refused_in_one_line(tmp_path):
    assert "cannot look for" in refusal(lambda: read_source("a" * 5000))
    assert "cannot look for" in refusal(lambda: read_source("~nobody-of-that-name/a.csv"))
    write(tmp_path / "test.jsonl", ROWS)
    (tmp_path / "train.jsonl").symlink_to("train.jsonl")
    assert "mend the link" in refusal(lambda: read_source(str(tmp_path)))
    assert "one file: task.splits" in refusal(lambda: read_source(str(tmp_path / "test.jsonl"), splits={"train": "a"}))


def test_the_suffix_of_a_file_may_be_in_capitals(tmp_path):
    (tmp_path / "train.CSV").write_text("text,label\nfine,good\n")
    assert read_source(str(tmp_path)).splits == {"train": [{"text": "fine", "label": "good"}]}
    assert read_source(str(tmp_path / "train.CSV")).splits == {"train": [{"text": "fine", "label": "good"}]}


def test_a_hub_that_cannot_be_reached_is_one_line_and_no_long_wait():
    pytest.importorskip("datasets")
    code = (
        "from prl_hub.tasks.data import read_source\nfrom prl_hub.errors import DataError\n"
        "try: read_source('stanfordnlp/sst2')\nexcept DataError as error: print(error)"
    )
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("cannot reach the Hub for data set 'stanfordnlp/sst2'"), done.stderr
    assert done.stdout.count("\n") == 1 and "task.dataset=" in done.stdout


def test_columns_are_those_named_else_the_own_ones_else_the_usual_ones():
    def columns(given, row):
        return find_columns(SST2, given, [row], "data")

    assert columns(None, {"sentence": "", "text": "", "label": 0}) == {"text": "sentence", "label": "label"}
    assert columns(None, {"text": "", "answer": 0}) == {"text": "text", "label": "answer"}
    assert columns({"text": "body"}, {"sentence": "", "body": "", "label": 0})["text"] == "body"


def test_a_missing_column_names_itself_those_there_are_and_the_remedy():
    message = refusal(lambda: find_columns(SST2, {"text": "body"}, [{"sentence": "", "label": 0}], "reviews.csv"))
    assert "reviews.csv has no column 'body'" in message
    assert "there are: sentence, label" in message and "task.columns='{text: sentence}'" in message
    message = refusal(lambda: find_columns(SST2, {"txt": "body"}, [{"body": ""}], "x"), ConfigError)
    assert "did you mean 'text'?" in message


@pytest.mark.parametrize("written", ["positive", "Positive ", "POSITIVE", 1, "1", 1.0])
def test_a_label_is_read_by_its_text_in_any_case_or_by_its_number(written):
    assert Labels(("negative", "positive")).read(written, "row 1") == "positive"


def test_what_the_data_set_calls_a_number_counts_more_than_our_order():
    names = ("ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM")
    labels = Labels(TREC.labels, TREC.aliases, names)
    assert [labels.read(number, "") for number in (0, 2, 5)] == ["abbreviation", "description", "number"]
    assert Labels(MR.labels, MR.aliases, ("neg", "pos")).read(1, "") == "positive"
    assert Labels(("bad", "good"), {}, ("neg", "pos")).read(1, "") == "good"


def test_an_unknown_label_is_named_with_the_permitted_ones():
    labels = Labels(("negative", "positive"))
    assert "row 3: label 'neutral' is not among negative, positive" in refusal(lambda: labels.read("neutral", "row 3"))
    assert "this split has no labels" in refusal(lambda: labels.read(-1, "row 1"))
    refusal(lambda: labels.read(2, "row 1"))


def found(rows, names=None):
    return find_labels(None, Source({"train": rows}, {"train": "train"}, names or {}), CLASSIFICATION, "label")


def test_labels_of_a_users_own_classification_are_found_in_the_data():
    assert found(ROWS).permitted == ("bad", "good")
    assert found([{"label": 0}], {"label": ("no", "yes")}).permitted == ("no", "yes")
    assert "are numbers" in refusal(lambda: found([{"label": 0}, {"label": 1}]))
    assert "are numbers" in refusal(lambda: found([{"label": "0.0"}, {"label": "1.0"}]))
    assert "too many" in refusal(lambda: found([{"label": f"word {i}"} for i in range(200)]))
    assert "has no values" in refusal(lambda: found([{"label": None}]))
    assert "only one value, 'good'" in refusal(lambda: found([{"label": "good"}]))


def test_labels_that_differ_in_case_alone_are_one_label():
    labels = found([{"label": text} for text in ("good", "bad", "Good")])
    assert labels.permitted == ("Good", "bad")
    assert labels.read("good", "row 1") == "Good"


def test_an_empty_text_is_refused_with_its_row_and_column():
    columns = {"text": "body", "label": "label"}
    for nothing in (None, "", "  ", [], float("nan")):
        rows = [{"body": "fine", "label": "x"}, {"body": nothing, "label": "x"}]
        message = refusal(lambda rows=rows: to_examples(rows, GENERATION, columns, Labels(()), "a.csv"))
        assert message == "a.csv, row 2: column 'body' is empty"


def test_a_worked_solution_without_a_final_answer_is_refused():
    rows = [{"question": "q", "answer": "six times seven ####"}]
    columns = {"question": "question", "label": "answer"}
    assert "row 1: there is no final answer" in refusal(lambda: to_examples(rows, GSM8K, columns, Labels(()), "a"))


def test_a_list_of_references_stays_a_list_without_repetitions():
    columns = {"text": "text", "label": "label"}
    rows = [{"text": "one", "label": ["b", "a", " b ", ""]}, {"text": "two", "label": 18.0}]
    examples, empty = to_examples(rows, GENERATION, columns, Labels(()), "x")
    assert [example.references for example in examples] == [("b", "a"), ("18",)] and empty == 0


def example(number, label="x"):
    return Example({"text": f"text {number}"}, (label,))


numbers = st.lists(st.integers(0, 60), min_size=1, max_size=80)
sources = st.dictionaries(st.sampled_from(["train", "validation", "test"]), numbers, min_size=1)


def divided(source, key=lambda example: example.id):
    try:
        return divide({name: [example(number) for number in found] for name, found in source.items()}, key)
    except DataError as error:
        assert "too few different rows" in str(error)
        return None


@given(sources)
def test_splits_are_disjoint_and_every_row_is_kept_or_counted(source):
    division = divided(source)
    if division is None:
        return
    ids = [row.id for rows in division.splits.values() for row in rows]
    assert set(division.splits) == {"train", "validation", "test"}
    assert len(ids) == len(set(ids)) == len({number for found in source.values() for number in found})
    dropped = sum(division.repeated.values()) + sum(division.shared.values())
    assert len(ids) + dropped == sum(map(len, source.values()))


@given(sources, st.randoms(use_true_random=False))
def test_splits_and_their_order_do_not_depend_on_the_order_of_the_source(source, rng):
    shuffled = {name: rng.sample(found, len(found)) for name, found in source.items()}
    assert divided(source) == divided(shuffled)


@given(st.sets(st.integers(0, 60), min_size=55), st.integers(100, 200))
def test_a_row_that_is_added_moves_no_other_row(found, newcomer):
    before, after = divided({"train": found}), divided({"train": [*found, newcomer]})
    for name, rows in before.splits.items():
        assert rows == tuple(row for row in after.splits[name] if row != example(newcomer))


@given(sources, st.integers(2, 9))
def test_a_group_is_never_in_two_splits(source, size):
    def group(row):
        return str(int(row.inputs["text"].split()[1]) // size)

    division = divided(source, group)
    if division is not None:
        groups = [set(map(group, rows)) for rows in division.splits.values()]
        assert sum(map(len, groups)) == len(set.union(*groups))


def test_a_row_of_test_is_taken_from_validation_and_train():
    division = divided({"train": range(100), "validation": [1, 2, 3, 3], "test": [3, 4]})
    assert {name: len(rows) for name, rows in division.splits.items()} == {"train": 96, "validation": 2, "test": 2}
    assert division.shared == {"train": 4, "validation": 1, "test": 0}
    assert division.repeated == {"train": 0, "validation": 1, "test": 0}


def test_own_splits_stay_and_only_the_missing_ones_are_carved_from_train():
    division = divided({"train": range(1000), "test": range(1000, 1100)})
    assert {row.id for row in division.splits["test"]} == {example(number).id for number in range(1000, 1100)}
    assert 150 < len(division.splits["validation"]) < 250


def test_a_text_with_two_labels_keeps_the_same_one_in_any_order():
    rows = [example(1, "b"), example(1, "a"), *map(example, range(2, 40))]
    for _ in range(3):
        random.shuffle(rows)
        kept = [row for split in divide({"train": rows}).splits.values() for row in split if row.id == example(1).id]
        assert kept == [example(1, "a")]
