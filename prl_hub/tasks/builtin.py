"""The tasks that ship with the package: one short entry each, that says Hub id, columns, labels and metric.

To add one, write an entry and a line in `TASKS`. Hub ids are data sets that need no loading script.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from prl_hub.tasks.spec import Row, Spec
from prl_hub.types import content_id

_NAMES = (
    "sst2 sst5 mr cr subj trec ag_news gsm8k truthfulqa ultrafeedback samsum asset nq_open "
    "nano_sentiment nano_topic nano_arithmetic nano_facts classification reasoning generation true_false"
)
TASKS = {name: f"{__name__}:{name.upper()}" for name in _NAMES.split()}

SENTIMENT = ("negative", "positive")
TRUTH = ("False", "True")  # in the order of their usual numbers

_POLARITY = {"neg": "negative", "pos": "positive"}

_classify = partial(Spec, inputs=("text",), metric="accuracy", layout="{prompt}\n\n{text}", max_tokens=16)
_reason = partial(Spec, inputs=("question",), metric="math", layout="{prompt}\n\n{question}", max_tokens=512)
_generate = partial(Spec, inputs=("text",), metric="rouge", layout="{prompt}\n\n{text}", max_tokens=128)


def final_answer(text: str) -> str:
    """What stands after the last ``####`` of a worked solution, else the whole text."""
    return text.rpartition("####")[2].strip()


def true_and_false(row: Row) -> list[dict[str, Any]]:
    """One true and one false statement; content decides which of several false answers it is."""
    true, false = _pick(row["correct"], row["question"]), _pick(row["incorrect"], row["question"])
    return [
        {"question": row["question"], "answer": true, "label": "True"},
        {"question": row["question"], "answer": false, "label": "False"},
    ]


def first_is_better(row: Row) -> list[dict[str, Any]]:
    """Whether the first of two answers is the preferred one; content decides their order, so that classes balance.

    None where the two are the same.
    """
    chosen, rejected = _last_turn(row["chosen"]), _last_turn(row["rejected"])
    if chosen == rejected:
        return []
    swap = int(content_id(str(row["instruction"]), *sorted((chosen, rejected))), 16) % 2 == 1
    first, second = (rejected, chosen) if swap else (chosen, rejected)
    label = "False" if swap else "True"
    return [{"instruction": row["instruction"], "first": first, "second": second, "label": label}]


def _pick(answers: str | Sequence[str], question: str) -> str:
    several = answers if isinstance(answers, (list, tuple)) else [answers]
    answers = [answer for answer in several if answer is not None and str(answer).strip()]
    return answers[int(content_id(str(question)), 16) % len(answers)]


def _last_turn(conversation: str | Sequence[Row]) -> str:
    return conversation if isinstance(conversation, str) else str(conversation[-1]["content"])


def nano_rows(family: str) -> dict[str, Sequence[Row]]:
    """Texts of the toy grammar that the nano models have never seen."""
    from prl_hub import nano

    rows = nano.examples(family, 1800, 0)
    return {"train": rows[:1000], "validation": rows[1000:1300], "test": rows[1300:]}


SST2 = _classify(
    dataset="stanfordnlp/sst2",
    columns={"text": ("sentence",), "label": ("label",)},
    labels=SENTIMENT,
    splits={"train": "train", "test": "validation"},  # the test split on the Hub has no labels
)
SST5 = _classify(
    dataset="SetFit/sst5",
    columns={"text": ("text",), "label": ("label_text", "label")},
    labels=("very negative", "negative", "neutral", "positive", "very positive"),
)
MR = _classify(
    dataset="cornell-movie-review-data/rotten_tomatoes",
    columns={"text": ("text",), "label": ("label",)},
    labels=SENTIMENT,
    aliases=_POLARITY,
)
CR = _classify(
    dataset="SetFit/CR",
    columns={"text": ("text",), "label": ("label_text", "label")},
    labels=SENTIMENT,
)
SUBJ = _classify(
    dataset="SetFit/subj",
    columns={"text": ("text",), "label": ("label_text", "label")},
    labels=("objective", "subjective"),
)
TREC = _classify(
    dataset="SetFit/TREC-QC",
    columns={"text": ("text",), "label": ("label_coarse_original", "label")},
    labels=("description", "entity", "abbreviation", "human", "number", "location"),
    aliases={
        "desc": "description", "enty": "entity", "abbr": "abbreviation", "hum": "human", "num": "number",
        "loc": "location",
    },
)  # fmt: skip
AG_NEWS = _classify(
    dataset="fancyzhx/ag_news",
    columns={"text": ("text",), "label": ("label",)},
    labels=("World", "Sports", "Business", "Tech"),
    aliases={"sci/tech": "Tech"},
)
GSM8K = _reason(
    dataset="openai/gsm8k",
    config="main",
    columns={"question": ("question",), "label": ("answer",)},
    reference=final_answer,
)
TRUTHFULQA = Spec(
    dataset="truthfulqa/truthful_qa",
    config="generation",
    columns={
        "question": ("question",),
        "correct": ("best_answer", "correct_answers"),
        "incorrect": ("incorrect_answers",),
    },
    expand=true_and_false,
    inputs=("question", "answer"),
    layout="{prompt}\n\nQuestion: {question}\nAnswer: {answer}",
    metric="accuracy",
    max_tokens=16,
    labels=TRUTH,
    group="question",
)
ULTRAFEEDBACK = Spec(
    dataset="HuggingFaceH4/ultrafeedback_binarized",
    columns={"instruction": ("prompt",), "chosen": ("chosen",), "rejected": ("rejected",)},
    splits={"train": "train_prefs", "test": "test_prefs"},
    expand=first_is_better,
    inputs=("instruction", "first", "second"),
    layout=(
        "{prompt}\n\nQuestion: {instruction}\n\nFirst answer: {first}\n\nSecond answer: {second}\n\n"
        "Statement: the first answer is better."
    ),
    metric="accuracy",
    max_tokens=16,
    labels=TRUTH,
    group="instruction",
    drop_empty=True,
)
SAMSUM = _generate(
    dataset="knkarthick/samsum",
    columns={"text": ("dialogue",), "label": ("summary",)},
    drop_empty=True,
)
ASSET = _generate(
    dataset="facebook/asset",
    config="simplification",
    columns={"text": ("original",), "label": ("simplifications",)},
    metric="sari",
)
NQ_OPEN = Spec(
    dataset="google-research-datasets/nq_open",
    columns={"question": ("question",), "label": ("answer",)},
    splits={"train": "train", "test": "validation"},
    inputs=("question",),
    layout="{prompt}\n\n{question}",
    metric="exact_match",
    max_tokens=32,
)

_PLAIN = {"text": ("text",), "label": ("label",)}
NANO_SENTIMENT = _classify(rows=partial(nano_rows, "sentiment"), columns=_PLAIN, labels=SENTIMENT)
NANO_TOPIC = _classify(
    rows=partial(nano_rows, "topic"), columns=_PLAIN, labels=("sports", "food", "weather", "travel")
)
NANO_FACTS = _classify(rows=partial(nano_rows, "facts"), columns=_PLAIN, labels=("false", "true"))
NANO_ARITHMETIC = _reason(
    rows=partial(nano_rows, "arithmetic"), columns={"question": ("question",), "label": ("answer",)}, max_tokens=16
)

CLASSIFICATION = _classify(columns=_PLAIN, classes=True)
REASONING = _reason(columns={"question": ("question",), "label": ("answer",)}, reference=final_answer)
GENERATION = _generate(columns={"text": ("text",), "label": ("summary", "target")})
TRUE_FALSE = _classify(
    columns=_PLAIN, labels=TRUTH, aliases={"yes": "True", "no": "False", "correct": "True", "incorrect": "False"}
)
