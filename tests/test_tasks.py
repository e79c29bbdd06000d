import doctest
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prl_hub.tasks.base
import prl_hub.tasks.load
from prl_hub.config import TaskConfig
from prl_hub.errors import ConfigError, DataError, UserError
from prl_hub.resolve import resolve
from prl_hub.tasks import METRICS, TASKS, Spec, Task, load_task
from prl_hub.tasks.metrics import accuracy
from prl_hub.types import Example, Prompt, placeholders

SHARED = Path(__file__).parents[2] / "shared" / "data"
real_data = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the data beside the checkout")

TASK = Task("mood", "accuracy", accuracy, inputs=("text",), layout="{prompt}\n\n{text}", labels=("good", "bad"))
ROW = Example({"text": "a film"}, ("good",))


def write(folder, name, rows):
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def refusal(config, kind=DataError):
    with pytest.raises(kind) as caught:
        load_task(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def user(prompt, example=ROW, task=TASK):
    return task.messages(prompt, example)[-1]["content"]


def test_a_prompt_goes_into_the_layout():
    assert user(Prompt("Good or bad?")) == "Good or bad?\n\na film"
    assert TASK.template(Prompt("Good or bad?")) == [{"role": "user", "content": "Good or bad?\n\n{text}"}]


def test_a_prompt_with_a_placeholder_of_an_input_is_the_whole_message():
    assert user(Prompt("Review: {text}\nGood or bad?")) == "Review: a film\nGood or bad?"


def test_a_system_message_comes_first():
    messages = TASK.messages(Prompt("Well?", system="You judge films."), ROW)
    assert messages == [
        {"role": "system", "content": "You judge films."},
        {"role": "user", "content": "Well?\n\na film"},
    ]


def test_other_braces_of_a_prompt_and_all_braces_of_a_text_stay():
    row = Example({"text": "{prompt} {text} {0.__class__}"}, ("good",))
    assert user(Prompt('Answer {json}: {"a": 1}'), row) == 'Answer {json}: {"a": 1}\n\n{prompt} {text} {0.__class__}'


@given(st.text(), st.text())
def test_prompt_and_text_are_both_in_the_message_unchanged(prompt, text):
    if not placeholders(prompt) & {"text"}:
        assert user(Prompt(prompt), Example({"text": text}, ("good",))) == f"{prompt}\n\n{text}"


@given(st.text(), st.text())
def test_with_two_inputs_what_one_holds_is_never_read_as_the_other(question, answer):
    task = Task("t", "accuracy", accuracy, inputs=("question", "answer"), layout="{prompt}|{question}|{answer}")
    row = Example({"question": "{answer}" + question, "answer": "{question}" + answer}, ("True",))
    assert user(Prompt("P"), row, task) == f"P|{{answer}}{question}|{{question}}{answer}"


def test_an_unknown_split_is_refused_with_the_nearest_one():
    with pytest.raises(UserError, match="split 'valid' is not known: did you mean 'validation'"):
        TASK.split("valid")


@pytest.mark.parametrize("family", ["sentiment", "topic", "arithmetic", "facts"])
def test_nano_tasks_come_with_rows_and_need_no_data(family):
    task = load_task(TaskConfig(f"nano_{family}"))
    assert (len(task.train), len(task.validation), len(task.test)) == (1000, 200, 500)
    assert all(task.score(row.label, row) == 1.0 for row in task.test)
    if task.labels:
        assert set(Counter(row.label for row in task.test)) == set(task.labels)


def test_every_task_and_metric_resolves():
    assert all(isinstance(resolve(name, TASKS, "task"), Spec) for name in TASKS)
    assert all(callable(resolve(name, METRICS, "metric")) for name in METRICS)


@pytest.mark.parametrize("name", [name for name in TASKS if not name.startswith("nano_")])
def test_every_entry_is_whole(name):
    spec = resolve(name, TASKS, "task")
    assert placeholders(spec.layout) == {"prompt", *spec.inputs}
    assert spec.metric in METRICS and spec.max_tokens > 0
    assert spec.expand or set(spec.columns) == {*spec.inputs, "label"}
    assert (spec.dataset is None) == (name in {"classification", "reasoning", "generation", "true_false"})


HUB_ROWS = {
    "sst2": ({"idx": 1, "sentence": "fine {i} ", "label": 1}, "positive"),
    "sst5": ({"text": "fine {i}", "label": 4, "label_text": "very positive"}, "very positive"),
    "mr": ({"text": "fine {i}", "label": 0}, "negative"),
    "cr": ({"text": "fine {i}", "label": 1, "label_text": "positive"}, "positive"),
    "subj": ({"text": "fine {i}", "label": 1, "label_text": "subjective"}, "subjective"),
    "trec": ({"text": "Who {i}?", "label": 9, "label_coarse": 3, "label_coarse_original": "HUM"}, "human"),
    "ag_news": ({"text": "Chip {i}", "label": 3}, "Tech"),
    "gsm8k": ({"question": "1+{i}?", "answer": "So <<1+1=2>> 2\n#### 1,002"}, "1,002"),
    "samsum": ({"id": "1", "dialogue": "A: hi {i}", "summary": "A greets."}, "A greets."),
    "asset": ({"original": "Long {i}.", "simplifications": ["Short.", "Tiny."]}, "Short."),
    "nq_open": ({"question": "who {i}", "answer": ["Ann", "Anna"]}, "Ann"),
}


def numbered(value, number):
    return value.replace("{i}", str(number)) if isinstance(value, str) else value


@pytest.mark.parametrize("name", HUB_ROWS)
def test_a_built_in_task_reads_the_columns_of_its_hub_data_set(name, tmp_path):
    row, label = HUB_ROWS[name]
    rows = [{column: numbered(value, number) for column, value in row.items()} for number in range(40)]
    write(tmp_path, "train", rows)
    task = load_task(TaskConfig(name, dataset=str(tmp_path)))
    assert len(task.train) + len(task.validation) + len(task.test) == 40
    assert {example.label for example in task.train} == {label}
    assert not task.labels or label in task.labels


def test_truthfulqa_gives_one_true_and_one_false_statement_of_each_question_to_one_split(tmp_path):
    rows = [
        {
            "question": f"Q{i}?",
            "best_answer": f"yes {i}",
            "correct_answers": ["x"],
            "incorrect_answers": ["no", "never"],
        }
        for i in range(60)
    ]
    write(tmp_path, "validation", rows)
    task = load_task(TaskConfig("truthfulqa", dataset=str(tmp_path)))
    for split in (task.train, task.validation, task.test):
        questions = Counter(row.inputs["question"] for row in split)
        assert split and set(questions.values()) == {2}
        assert Counter(row.label for row in split) == {"True": len(questions), "False": len(questions)}
    assert user(Prompt("P"), task.train[0], task).startswith("P\n\nQuestion: Q")


def test_ultrafeedback_swaps_the_answers_by_content_and_drops_empty_ones(tmp_path):
    def talk(text):
        return [{"role": "user", "content": "q"}, {"role": "assistant", "content": text}]

    rows = [{"prompt": f"Q{i}", "chosen": talk(f"better {i}"), "rejected": talk(f"worse {i}")} for i in range(400)]
    write(tmp_path, "train", [*rows, {"prompt": "Q", "chosen": talk("better"), "rejected": talk("")}])
    task = load_task(TaskConfig("ultrafeedback", dataset=str(tmp_path), train=None, validation=None))
    every = task.train + task.validation + task.test
    assert len(every) == 400 and task.source["dropped"]["empty"] == {"train": 1}
    assert all((row.label == "True") == row.inputs["first"].startswith("better") for row in every)
    assert 160 < sum(row.label == "True" for row in every) < 240


def test_a_users_own_data_needs_no_more_than_a_kind_and_a_file(tmp_path):
    rows = [{"review": f"film {i}", "verdict": ["yes", "no"][i % 2]} for i in range(50)]
    write(tmp_path, "films", rows)
    columns = {"text": "review", "label": "verdict"}
    task = load_task(TaskConfig("classification", dataset=str(tmp_path / "films.jsonl"), columns=columns))
    assert task.labels == ("no", "yes")
    task = load_task(TaskConfig("true_false", dataset=str(tmp_path / "films.jsonl"), columns=columns))
    assert task.labels == ("False", "True") and {row.label for row in task.train} == {"False", "True"}


def test_settings_of_the_config_replace_those_of_the_task():
    config = TaskConfig("nano_topic", layout="{text}\n{prompt}", metric="f1", max_tokens=3, train=7, test=9)
    task = load_task(config)
    assert (task.layout, task.metric, task.max_tokens) == ("{text}\n{prompt}", "f1", 3)
    assert (len(task.train), len(task.validation), len(task.test)) == (7, 200, 9)
    assert task.train == load_task(TaskConfig("nano_topic", train=20)).train[:7]


def half(answer, example):
    return 0.5


def make(config):
    return Task("mine", "half", half, ("text",), "{prompt}{text}", train=(ROW,), validation=(ROW,), test=(ROW,))


READY = make(None)
ENTRY = Spec(("text",), {"text": ("t",), "label": ("l",)}, f"{__name__}:half", "{prompt} {text}", 4)


def test_a_task_of_ones_own_is_a_task_a_function_or_an_entry(tmp_path):
    write(tmp_path, "train", [{"t": f"text {i}", "l": "x"} for i in range(30)])
    for name in ("READY", "make"):
        assert load_task(TaskConfig(f"{__name__}:{name}", max_tokens=5)).max_tokens == 5
    task = load_task(TaskConfig(f"{__name__}:ENTRY", dataset=str(tmp_path)))
    assert task.score("anything", task.train[0]) == 0.5
    message = refusal(TaskConfig(f"{__name__}:READY", dataset="x/y"), ConfigError)
    assert "brings its own rows: task.dataset cannot be applied" in message
    assert "label 'good' is not among bad" in refusal(TaskConfig(f"{__name__}:READY", labels=("bad",)))
    assert "not a Task" in refusal(TaskConfig(f"{__name__}:__name__"), ConfigError)
    assert "returned a NoneType, not a Task" in refusal(TaskConfig(f"{__name__}:make_nothing"), ConfigError)


def make_nothing(config):
    return None


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("math:pi", "is a float, not a function"),
        ("math:sqrt", "does not take an answer and its example"),
        (f"{__name__}:refusal", "does not take"),
        (f"{__name__}:worded", "gives 'good' for an answer"),
    ],
)
def test_a_metric_that_is_none_is_refused_before_anything_runs(metric, says):
    assert says in refusal(TaskConfig("nano_topic", metric=metric), ConfigError)


def worded(answer, example):
    return "good"


@pytest.mark.parametrize("labels", [(), ("",), ("good", " "), ("good", "bad", "Good")])
def test_labels_must_differ_and_be_something(labels):
    assert "task.labels: expected different labels" in refusal(TaskConfig("nano_topic", labels=labels), ConfigError)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("truthfulqa", {"question": "q", "best_answer": "a", "incorrect_answers": {"a": 1}}),
        ("ultrafeedback", {"prompt": "q", "chosen": ["a"], "rejected": ["b"]}),
        ("ultrafeedback", {"prompt": "q", "chosen": [{"text": "a"}], "rejected": [{"text": "b"}]}),
        ("ultrafeedback", {"prompt": "q", "chosen": {"content": "a"}, "rejected": {"content": "b"}}),
    ],
)
def test_a_row_of_another_shape_is_refused_with_its_number(name, row, tmp_path):
    write(tmp_path, "train", [row])
    assert "row 1" in refusal(TaskConfig(name, dataset=str(tmp_path)))


def test_two_equal_answers_prefer_none(tmp_path):
    rows = [{"prompt": f"q{i}", "chosen": "same", "rejected": "same" if i < 3 else f"{i}"} for i in range(30)]
    write(tmp_path, "train", rows)
    task = load_task(TaskConfig("ultrafeedback", dataset=str(tmp_path)))
    assert task.source["dropped"]["empty"] == {"train": 3}


def test_labels_may_be_numbers_that_a_table_wrote_with_a_point(tmp_path):
    write(tmp_path, "train", [{"text": f"text {i}", "label": f"{i % 2}.0"} for i in range(30)])
    task = load_task(TaskConfig("classification", dataset=str(tmp_path), labels=("no", "yes")))
    assert {int(example.inputs["text"].split()[1]) % 2 == (example.label == "yes") for example in task.train} == {True}


def test_bad_settings_are_refused_in_one_line(tmp_path):
    assert "did you mean 'sst2'" in refusal(TaskConfig("sst22"), ConfigError)
    assert "did you mean 'rouge'" in refusal(TaskConfig("nano_topic", metric="rogue"), ConfigError)
    assert "task.layout lacks {text}" in refusal(TaskConfig("nano_topic", layout="{prompt}"), ConfigError)
    assert "task.test: expected at least 1" in refusal(TaskConfig("nano_topic", test=0), ConfigError)
    assert "needs data: task.dataset=" in refusal(TaskConfig("classification"), ConfigError)
    write(tmp_path, "train", [])
    assert "split 'train' is empty" in refusal(TaskConfig("sst2", dataset=str(tmp_path)))
    write(tmp_path, "train", [{"text": "a", "label": "good"}])
    assert "label 'good' is not among negative, positive" in refusal(TaskConfig("sst2", dataset=str(tmp_path)))
    write(tmp_path, "train", [{"text": "a", "label": "positive"}] * 9)
    assert "too few different rows" in refusal(TaskConfig("sst2", dataset=str(tmp_path)))


def test_local_tasks_load_neither_torch_nor_datasets():
    code = (
        "import sys; from prl_hub.config import TaskConfig; from prl_hub.tasks import load_task; "
        "load_task(TaskConfig('nano_topic')); print({'torch', 'datasets', 'pyarrow', 'sympy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize("module", [prl_hub.tasks.base, prl_hub.tasks.load])
def test_the_examples_in_the_docstrings_are_true(module):
    assert doctest.testmod(module, extraglobs={"load_task": load_task}).failed == 0


@real_data
@pytest.mark.parametrize("name, n", [("sst2", 1821), ("subj", 1000), ("trec", 500), ("gsm8k", 1319)])
def test_real_data_loads_with_all_its_test_rows(name, n):
    task = load_task(TaskConfig(name, dataset=str(SHARED / name)))
    assert (len(task.train), len(task.validation), len(task.test)) == (1000, 200, n)
    assert all(task.score(row.label, row) == 1.0 for row in task.validation)
    assert set(row.label for row in task.test) <= set(task.labels) or not task.labels


@real_data
def test_real_questions_about_truth_balance_in_every_split():
    task = load_task(TaskConfig("truthfulqa", dataset=str(SHARED / "truthfulqa"), train=None, validation=None))
    assert len(task.train + task.validation + task.test) == 2 * 817
    for split in (task.train, task.validation, task.test):
        assert Counter(row.label for row in split)["True"] == len(split) / 2
