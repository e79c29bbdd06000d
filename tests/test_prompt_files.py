import pytest

from prl_hub.errors import DataError
from prl_hub.prompt_files import read_texts


def write(path, content, encoding="utf-8"):
    path.write_text(content, encoding=encoding, newline="")
    return path


def test_a_csv_cell_may_hold_several_lines(tmp_path):
    assert read_texts(write(tmp_path / "p.csv", 'act,prompt\nx,"one\ntwo"\n')) == ["one\ntwo"]


def test_a_byte_order_mark_hides_no_column(tmp_path):
    assert read_texts(write(tmp_path / "p.csv", "prompt\none\n", "utf-8-sig")) == ["one"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.jsonl", '["a", "b"]', "where a text was expected"),
        ("p.jsonl", '{"prompt": {"a": 1}}', "where a text was expected"),
        ("p.jsonl", "[" * 100000, "is not JSON lines"),
        ("p.csv", "label\nx\n", "has none of the columns prompt, text, name, act"),
        ("p.txt", "\n \n", "there is nothing in"),
    ],
)
def test_a_file_without_prompts_is_told_in_one_line(name, content, says, tmp_path):
    with pytest.raises(DataError, match=says):
        read_texts(write(tmp_path / name, content))
