"""Scores of one answer: plain functions from an answer and its example to a number between 0 and 1.

A metric never raises on what a model may say: garbage scores 0. What a score is worth in training is the business of
`rewards`.
"""

from __future__ import annotations

import functools
import itertools
import logging
import re
import string
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from prl_hub.errors import MissingExtra
from prl_hub.types import Example

METRICS = {
    "accuracy": "prl_hub.tasks.metrics:accuracy",
    "math": "prl_hub.tasks.metrics:math",
    "rouge": "prl_hub.tasks.metrics:rouge",
    "exact_match": "prl_hub.tasks.metrics:exact_match",
    "f1": "prl_hub.tasks.metrics:f1",
    "sari": "prl_hub.tasks.sari:sari",
}

_QUOTES = " \t\r\n\"'`*_“”‘’«»"
_STOPS = ".,;:!?"


def accuracy(answer: str, example: Example) -> float:
    """1 where the answer is one of the references, but for case, quotes, asterisks and final punctuation."""
    return float(normalise(answer) in map(normalise, example.references))


def normalise(text: str) -> str:
    """An answer as a label is compared: ``'**Positive.**'`` is ``'positive'``."""
    bare = text.casefold().lstrip(_QUOTES).rstrip(_QUOTES + _STOPS)
    return bare or text.casefold().strip()


def exact_match(answer: str, example: Example) -> float:
    """1 where the answer is one of the references, but for case, articles and punctuation (as SQuAD compares)."""
    return float(_words(answer) in map(_words, example.references))


def f1(answer: str, example: Example) -> float:
    """Harmonic mean of precision and recall of words (as SQuAD counts), for the nearest reference."""
    return max(_word_f1(_words(answer), _words(reference)) for reference in example.references)


def rouge(answer: str, example: Example) -> float:
    """Mean F1 of ROUGE-1, ROUGE-2 and ROUGE-L, stemmed, for the nearest reference; made for English."""
    scorer = _rouge_scorer()
    scores = (scorer.score(reference, answer) for reference in example.references)
    return max(sum(part.fmeasure for part in score.values()) / len(score) for score in scores)


def math(answer: str, example: Example) -> float:
    """1 where the final answer has the value of a reference.

    The final answer stands in ``\\boxed{}``, after ``####``, or is the last number. Numbers are compared exactly here;
    math-verify compares anything else, such as fractions in LaTeX and formulas.
    """
    verifier = _math_verify()
    return float(any(_same_value(answer, reference, verifier) for reference in example.references))


def _words(text: str) -> list[str]:
    plain = "".join(character for character in text.casefold() if character not in string.punctuation)
    return [word for word in plain.split() if word not in ("a", "an", "the")]


def _word_f1(answer: list[str], reference: list[str]) -> float:
    if not answer or not reference:
        return float(answer == reference)
    common = sum((Counter(answer) & Counter(reference)).values())
    return 2 * common / (len(answer) + len(reference))


@functools.cache
def _rouge_scorer() -> Any:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        raise MissingExtra("rouge-score", "train") from None
    return RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)


_NUMBER = re.compile(
    r"(?<![\w.])[-−]?[$€£]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,40})(?![0-9])(?:\.[0-9]{1,40})?(?:/[0-9]{1,40})?"
)
_UNITS = re.compile(r"\\(?:text|mathrm|mbox)\{[^}]*\}|\\[%$,;! ]|\^\{?\\circ\}?|\\(?:left|right)\b")
_OPERATORS = re.compile(r"[\\^*+]|[0-9]\s*-\s*[0-9]")
_SIMPLE_POWER = re.compile(r"(?:\^|\*\*)\s*(?:\{\s*-?\w{1,2}\s*\}|-?\w{1,2}(?!\w))")
_COSTLY = re.compile(r"\^|\*\*|!|\\(?:binom|sum|prod|int|lim)")
_LONGEST_FORMULA = 120
_MOST_POWERS = 3
_DEEPEST = 5


def _same_value(answer: str, reference: str, verifier: Callable[[str, str], bool]) -> bool:
    expected, marked = _number(reference), _marked(answer)
    if expected is None:
        return verifier(reference, _formula(answer) if marked is None else f"${marked}$")
    if marked is None:
        return _last_number(answer) == expected
    result = _UNITS.sub("", marked.rpartition("=")[2])
    return verifier(reference, f"${result}$") if _OPERATORS.search(result) else _last_number(result) == expected


def _marked(answer: str) -> str | None:
    """What stands after the last ``####`` or in the last ``\\boxed{}``, whichever comes later."""
    hashes, box = answer.rfind("####"), answer.rfind("\\boxed{")
    if hashes > box:
        return answer[hashes + 4 :].strip().split("\n")[0].strip("$ ")
    return _braced(answer[box + 7 :]) if box >= 0 else None


def _braced(text: str) -> str:
    """Up to the brace that closes the one before `text`."""
    depth = 1
    for place, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[:place]
    return text


def _formula(answer: str) -> str:
    """The last piece between dollars, else the last line."""
    pieces = re.findall(r"\$[^$]+\$", answer) or [line for line in answer.splitlines() if line.strip()]
    return pieces[-1] if pieces else ""


def _last_number(text: str) -> Fraction | None:
    found = _NUMBER.findall(text)
    return _number(found[-1]) if found else None


def _number(text: str) -> Fraction | None:
    """The value of a text that is nothing but a number."""
    text = text.strip().strip("$").rstrip(".%")
    if not _NUMBER.fullmatch(text):
        return None
    top, _, bottom = text.replace("−", "-").translate(dict.fromkeys(map(ord, "$€£,"))).partition("/")
    return Fraction(top) / Fraction(bottom or 1) if bottom.strip("0") or not bottom else None


def _depth(formula: str) -> int:
    """How many brackets are open at most."""
    steps = ((character in "([{") - (character in ")]}") for character in formula)
    return max(itertools.accumulate(steps), default=0)


@functools.cache
def _math_verify() -> Callable[[str, str], bool]:
    try:
        from math_verify import parse, verify
    except ImportError:
        raise MissingExtra("math-verify", "train") from None
    for name in ("math_verify.parser", "math_verify.grader"):  # they warn that there is no timeout
        logging.getLogger(name).setLevel(logging.ERROR)

    def same(reference: str, formula: str) -> bool:
        # The timeouts of math-verify are signals, which fail in threads; what could take long is refused instead.
        if _is_costly(formula):
            return False
        gold = parse(reference if "$" in reference else f"${reference}$", parsing_timeout=None)
        said = parse(formula, parsing_timeout=None)
        return bool(gold and said) and verify(gold, said, timeout_seconds=None)

    return same


def _is_costly(formula: str) -> bool:
    """Whether sympy might compute for ever: towers of powers, large exponents, factorials, sums, deep nesting."""
    rest, powers = _SIMPLE_POWER.subn("", formula)
    too_much = len(formula) > _LONGEST_FORMULA or powers > _MOST_POWERS or _depth(formula) > _DEEPEST
    return too_much or _COSTLY.search(rest) is not None
