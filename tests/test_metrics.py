import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prl_hub.resolve import resolve
from prl_hub.tasks.metrics import METRICS, accuracy, exact_match, f1, math, rouge
from prl_hub.tasks.sari import sari
from prl_hub.types import Example


def expecting(*references, **inputs):
    return Example(inputs, references)


words = st.text(alphabet=st.characters(categories=["Lu", "Ll", "Nd"]), min_size=1)


@given(words, st.sampled_from(["{}", "{}.", "**{}**", '"{}"', " {}\n", "`{}`", "“{}”!", "'{}.'"]))
def test_accuracy_ignores_case_quotes_markdown_and_final_punctuation(label, dress):
    assert accuracy(dress.format(label), expecting("other", label)) == 1.0
    assert accuracy(dress.format(label.upper()), expecting(label.upper().casefold())) == 1.0


@pytest.mark.parametrize("answer", ["", "It is positive", "positive or negative", "pos", "negative"])
def test_accuracy_wants_the_label_and_nothing_else(answer):
    assert accuracy(answer, expecting("positive")) == 0.0


def test_an_empty_answer_is_not_a_label_made_of_punctuation():
    assert accuracy("", expecting("?")) == 0.0
    assert accuracy("?", expecting("?")) == 1.0


@pytest.mark.parametrize(
    "answer, reference",
    [
        ("She has 3 + 15 eggs, so 18.", "18"),
        ("The answer is \\boxed{18}, not 20.", "18"),
        ("First 5, then\n#### 1,234", "1234"),
        ("#### 5 + 3 = 8", "8"),
        ("16-3=13", "13"),
        ("It is -5", "-5"),
        ("$18.00 a day", "18"),
        ("a half is 1/2", "0.5"),
        ("\\boxed{\\frac{1}{2}}", "0.5"),
        ("\\boxed{\\$18\\text{ dollars}}", "18"),
        ("so $\\frac{2}{4}$", "\\frac{1}{2}"),
        ("\\boxed{x^2+2x+1}", "(x+1)^2"),
    ],
)
def test_math_finds_the_final_answer_and_compares_its_value(answer, reference):
    assert math(answer, expecting(reference)) == 1.0


@pytest.mark.parametrize(
    "answer, reference",
    [
        ("18 eggs, or 20", "18"),
        ("", "18"),
        ("no idea", "18"),
        ("5/0", "5"),
        ("\\boxed{\\frac{1}{2}}", "2"),
        ("\\boxed{9^{9^{9^9}}}", "5"),
        ("\\boxed{9^{999999999}}", "5"),
        ("\\boxed{" + "(" * 40 + "1+x" + ")" * 40 + "}", "x+1"),
        ("\\boxed{" + "{" * 40 + "1+x" + "}" * 40 + "}", "x+1"),
        ("1" * 10_000, "1"),
        ("\ud800 \x00 $$ \\boxed{", "x+1"),
    ],
)
def test_math_scores_zero_what_is_wrong_or_garbage_and_is_quick_about_it(answer, reference):
    math("1", expecting("1"))  # imports
    start = time.monotonic()
    assert math(answer, expecting(reference)) == 0.0
    assert time.monotonic() - start < 5


@given(st.text())
def test_math_never_raises(answer):
    assert math(answer, expecting("7", "x+1")) in (0.0, 1.0)


def test_math_works_in_a_thread():
    scores = []
    thread = threading.Thread(target=lambda: scores.append(math("\\boxed{\\frac{1}{2}}", expecting("\\frac{2}{4}"))))
    thread.start()
    thread.join()
    assert scores == [1.0]


def test_exact_match_ignores_articles_and_takes_any_reference():
    assert exact_match("The Beatles!", expecting("Queen", "beatles")) == 1.0
    assert exact_match("Beatles or Queen", expecting("Queen", "beatles")) == 0.0


def test_f1_counts_common_words_with_the_nearest_reference():
    assert f1("the red car", expecting("blue bike", "red fast car")) == pytest.approx(2 * 1 * (2 / 3) / (1 + 2 / 3))
    assert f1("", expecting("red")) == 0.0


def test_rouge_is_the_mean_of_three_for_the_nearest_reference():
    # one-grams: 2 of 3 and 2 of 2; two-grams: 1 of 2 and 1 of 1; longest common subsequence: 2
    assert rouge("big red car", expecting("zebra", "red car")) == pytest.approx((0.8 + 2 / 3 + 0.8) / 3)
    assert rouge("", expecting("red car")) == 0.0


SPECIES = expecting(
    "About 95 species are currently known.",
    "About 95 species are now accepted.",
    "95 species are now accepted.",
    text="About 95 species are currently accepted.",
)


def test_sari_gives_the_value_that_the_evaluate_library_documents():
    assert sari("About 95 you now get in.", SPECIES) == pytest.approx(0.26953601953601954)


def test_sari_of_a_one_word_sentence_by_hand():
    # "b" for "a": nothing to keep 1, "a" deleted as people do 1, "b" added as people do 1; there are no longer n-grams
    assert sari("b", expecting("b", text="a")) == pytest.approx(1.0)
    # "a" stays: kept though nobody keeps it 0, nothing deleted 1, nothing added though "b" is missing 0
    assert sari("a", expecting("b", text="a")) == pytest.approx(((0 + 1 + 0) / 3 + 3) / 4)


@pytest.mark.parametrize("name", METRICS)
@given(answer=st.text())
def test_every_metric_stays_between_0_and_1_whatever_the_model_says(name, answer):
    score = resolve(name, METRICS, "metric")
    assert 0.0 <= score(answer, expecting("a plain reference", "5", text="a long plain sentence")) <= 1.0
