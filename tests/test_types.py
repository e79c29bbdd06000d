from hypothesis import given
from hypothesis import strategies as st

from prl_hub.types import Evaluation, Example, Prompt, Row, as_prompt, content_id, fill, placeholders


def test_a_prompt_is_its_content_not_its_origin():
    assert Prompt("a", origin="seed") == Prompt("a", origin="grpo")
    assert Prompt("a").id == Prompt("a", origin="grpo").id
    assert Prompt("a").id != Prompt("a", system="s").id


def test_the_id_of_a_prompt_is_the_same_on_every_machine():
    assert Prompt("Classify the text.").id == "9921adc5c9c2c251"
    assert content_id("ab", "c") != content_id("a", "bc")


@given(st.text(), st.text())
def test_what_was_filled_in_is_never_read_again(a, b):
    assert fill("{a}|{b}", {"a": a, "b": b}) == f"{a}|{b}"


@given(st.text())
def test_a_template_without_known_names_stays_as_it_is(text):
    assert fill(text, {"never_there": "x"}) == text or "{never_there}" in text


def test_fill_reaches_no_attribute_and_no_index():
    hostile = "{text.__class__} {text[0]} {text!r} {0} {text:>9}"
    assert fill(hostile, {"text": "x"}) == hostile
    assert placeholders("{text} {other} {not one}") == {"text", "other"}


def test_an_example_is_its_inputs():
    assert Example({"a": "1", "b": "2"}, ("x",)).id == Example({"b": "2", "a": "1"}, ("y",)).id
    assert Example({"a": "1"}, ("x",)).id != Example({"a": "2"}, ("x",)).id


def test_rows_without_an_answer_count_neither_for_nor_against():
    rows = (Row("1", [], "x", "x", 1.0), Row("2", [], "y", "x", 0.0), Row("3", [], "", "x", None, "lost"))
    evaluation = Evaluation(Prompt("p"), "test", rows)
    assert (evaluation.n, evaluation.value) == (2, 0.5)


def test_prompts_come_from_texts_and_mappings():
    assert as_prompt("a") == as_prompt({"text": "a"}) == as_prompt(Prompt("a"))
    assert as_prompt({"text": "a", "system": "s"}).system == "s"
