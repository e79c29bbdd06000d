"""Reports are made from a run folder alone, tell the truth about it, and let nothing in it do anything."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from prl_hub.config import load_config
from prl_hub.errors import RunError
from prl_hub.ledger import append_line
from prl_hub.reports import evaluation_table, gather, summary, verdict, word_diff, write_plots, write_report
from prl_hub.reports.tables import candidates, changed_rows, flatten, spending
from prl_hub.reports.wording import duration, p_value, shorten, visible
from prl_hub.run import Run
from prl_hub.types import Prompt

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

SEED = Prompt("Classify the sentiment of the review.")
BEST = Prompt("Read the review and say whether its sentiment is positive or negative. Answer with one word.")
HOSTILE = Prompt(
    "<script>alert(1)</script> {{7*7}} {% raw %} $x^{2$ \u202etxet\u202c \u200b --> ]]> &lt; \x1b[31m\x00"
)


def a_run(path, *, prompts=(SEED, BEST), steps=4, arms=(), finish=True, verdict="better", **overrides) -> Run:
    """A small run whose seed prompt is the first of `prompts` and whose best is the last."""
    seed, best = prompts[0], prompts[-1]
    run = Run.create(path, load_config({"prompt": {"seed": seed.text}, "policy": {"name": "grpo"}}, overrides))
    random_numbers = random.Random(0)
    for step in range(steps):
        for prompt in prompts:
            log_prompt(run, prompt, "train", step, random_numbers.random(), 32)
        metrics = {"step": step, "reward_mean": 0.2 + step / 10, "reward_max": 0.4 + step / 10, "distinct": 2}
        metrics |= {
            "best_value": 0.3 + step / 10,
            "best_id": best.id,
            "task_tokens": 900 * step,
            "seconds": 2.0 * step,
        }
        if arms:
            metrics["arm_probability"] = {arm.id: (1 + step * (arm == best)) / len(arms) / 3 for arm in arms}
        run.log_metrics(metrics | {"usd": None, "kl": math.nan})
    for number, prompt in enumerate(prompts):
        log_prompt(run, prompt, "validation", steps - 1, 0.3 + number / 10, 200)
    log_ledger(run)
    if finish:
        log_test(run, seed, best)
        run.finish(a_result(seed, best, verdict))
    return run


def log_prompt(run, prompt, split, step, value, n, flaw=None):
    train = {"reward": value, "parts": {"accuracy": value, "brevity": -0.1}} if split == "train" else {}
    record = {"id": prompt.id, "text": prompt.text, "system": prompt.system, "origin": "grpo", "split": split}
    run.log_prompt(
        record | {"step": step, "value": value, "n": n, "reward": None, "parts": None, "flaw": flaw} | train
    )


def log_ledger(run):
    for number, (owner, purpose) in enumerate(
        [("task_model", "seed"), ("task_model", "reward"), ("policy", "update")]
    ):
        amounts = {"tokens_computed": 5000, "tokens_reused": 800, "tokens_generated": 90}
        line = {"owner": owner, "purpose": purpose, "step": 0, "calls": 64, **amounts, "seconds": 1.5}
        append_line(run.path / "ledger.jsonl", line | {"elapsed": 2.0 * (number + 1)})


def log_test(run, seed, best):
    """Eight examples: 4 gained, 1 lost, 1 without an answer."""
    for prompt, scores in ((seed, [0, 0, 0, 0, 1, 1, None, 0]), (best, [1, 1, 1, 1, 0, 1, 1, 0])):
        for number, score in enumerate(scores):
            content = f"{prompt.text}\n\nreview number {number} <script>alert(2)</script>"
            run.log_row(
                {"prompt_id": prompt.id, "example_id": f"e{number}", "answer": "posi\u202etive", "label": "positive"}
                | {"score": score, "error": None if score is not None else "time\x1b out"}
                | {"messages": [{"role": "user", "content": content}]},
            )


def a_result(seed, best, verdict):
    def scored(prompt, value):
        described = {"id": prompt.id, "text": prompt.text, "system": prompt.system}
        test = {"value": value, "n": 500, "ci_low": value - 0.05, "ci_high": value + 0.04}
        messages = [{"role": "user", "content": prompt.text + "\n\n{text}"}]
        return {**described, "messages": messages, "validation": {"value": value, "n": 200}, "test": test}

    task_model = {"calls": 1234, "tokens_computed": 56789, "tokens_reused": 1111, "tokens_generated": 222}
    return {
        "status": "stopped_by_budget",
        "task": "nano_sentiment",
        "metric": "accuracy",
        "seed": 0,
        "task_model": {"id": "nano-a", "revision": "abc123", "dtype": "float32", "backend": "local"},
        "seed_prompt": scored(seed, 0.12),
        "best_prompt": scored(best, 0.91),
        "comparison": {"difference": 0.79, "ci_low": 0.744, "ci_high": 0.836, "p_value": 1e-9, "n": 500}
        | {"test": "McNemar mid-p", "verdict": verdict},
        "cost": {
            "task_model": {**task_model, "seconds": 12.0, "tokens": 58122},
            "policy": {"tokens": 77, "seconds": 3.0},
        }
        | {"seconds": 75.0, "gpu_hours": 0.021, "usd": 0.05},
        "versions": {"prl_hub": "0.1.0", "torch": None},
        "revisions": {"dataset": "9f8e7d"},
    }


class Page(HTMLParser):
    """What a browser would see: elements, text, and whether every element is closed in order."""

    VOID = {"meta", "br", "hr", "link", "img", "input"}

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.open, self.text, self.ids = [], [], "", []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def report(run) -> tuple[str, Page]:
    text = write_report(run).read_text(encoding="utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = a_run(tmp_path_factory.mktemp("runs") / "finished")
    return run, *report(run)


def test_the_report_opens_with_the_verdict_and_its_numbers(finished):
    _, _, page = finished
    assert (
        "The prompt found by grpo is better: test accuracy 0.120 → 0.910, difference +0.790 "
        "(95 % interval +0.744 to +0.836), p < 0.001 (McNemar mid-p), n=500." in page.text
    )


def test_no_significant_difference_is_a_plain_sentence(tmp_path):
    run = a_run(tmp_path / "run", verdict="no significant difference")
    assert verdict(gather(run)).startswith("No significant difference: ")
    assert "No significant difference" in summary(run) and "better." in summary(run)


def test_a_worse_prompt_is_called_worse(tmp_path):
    assert "is worse than the seed prompt" in verdict(gather(a_run(tmp_path / "run", verdict="worse")))


def test_a_search_that_keeps_the_seed_prompt_says_so(tmp_path):
    run = a_run(tmp_path / "run", prompts=(SEED,), verdict="no significant difference")
    assert "No better prompt was found" in summary(run) and "difference " not in summary(run)
    _, page = report(run)
    assert "ends with the seed prompt itself" in page.text and "What changed" not in page.text


def test_the_report_says_that_a_nano_model_is_a_toy_and_why_the_search_stopped(finished):
    _, _, page = finished
    assert "nano-a is a toy model" in page.text
    assert "stopped when its budget was spent" in page.text


def test_the_report_of_a_real_model_has_no_note_about_toys(tmp_path):
    run = a_run(tmp_path / "run", finish=False, **{"task_model.id": "org/big-nano-model"})
    assert "toy" not in report(run)[1].text and "toy" not in summary(run)


def test_the_page_is_whole_with_headings_in_order_and_ids_of_their_own(finished):
    _, text, page = finished
    levels = [int(tag[1]) for tag, _ in page.elements if tag in {"h1", "h2", "h3"}]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
    assert len(page.ids) == len(set(page.ids))
    assert len(text.encode()) < 3_000_000


def test_every_picture_is_an_image_with_title_and_description(finished):
    _, _, page = finished
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(pictures) == 2
    for picture in pictures:
        assert picture["role"] == "img"
        assert set(picture["aria-labelledby"].split()) <= set(page.ids)


def test_nothing_is_loaded_and_nothing_runs(finished):
    _, text, page = finished
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#").startswith("#") and "src" not in attributes
        assert "url(#" in attributes.get("style", "url(#") or "url(" not in attributes["style"]
    assert "@import" not in text and "url(http" not in text


def test_hostile_texts_are_shown_and_inert(tmp_path):
    half_a_character = Prompt("\ud800 " + HOSTILE.text)
    prompts = (HOSTILE, half_a_character, SEED, Prompt(HOSTILE.text + " again"))
    run = a_run(tmp_path / "run", prompts=prompts, arms=prompts)
    text, page = report(run)
    assert "script" not in {tag for tag, _ in page.elements}
    assert "<script>alert(1)</script>" in page.text and "<script>alert(2)</script>" in page.text
    assert "{{7*7}}" in page.text and "{% raw %}" in page.text
    for hidden, shown in {"\u202e": "\\u202e", "\u200b": "\\u200b", "\x1b": "\\x1b", "\x00": "\\x00"}.items():
        assert hidden not in text and shown in page.text
    assert "\\ud800" in page.text


def test_the_summary_lets_no_control_character_reach_the_terminal(tmp_path):
    text = summary(a_run(tmp_path / "run", prompts=(SEED, HOSTILE)))
    assert "\\x1b[31m" in text and "\\u202e" in text
    assert all(character == "\n" or character.isprintable() for character in text)


def test_the_diff_marks_words_without_relying_on_colour(finished):
    _, text, _ = finished
    assert "<ins>" in text and "<del>" in text
    assert "line-through" in text and "text-decoration: underline" in text


def test_the_same_run_makes_the_same_page(finished):
    run, text, _ = finished
    assert report(run)[0] == text


def test_an_unfinished_run_shows_what_there_is(tmp_path):
    run = a_run(tmp_path / "run", finish=False)
    _, page = report(run)
    assert "This run is not finished: 4 steps of grpo so far" in page.text
    assert "Best validation score 0.400, seed prompt 0.300 (n=200)" in page.text
    assert BEST.text in page.text and "has not read the test rows yet" in page.text
    assert "not finished" in summary(run) and "validation score" in summary(run)


def test_a_run_that_has_only_just_begun_has_a_report_too(tmp_path):
    run = Run.create(tmp_path / "run", load_config({}))
    _, page = report(run)
    assert "No step is finished yet" in page.text and "No prompt has been scored" in page.text
    assert not (run.path / "plots").exists()
    assert "not finished" in summary(run)


def test_only_a_bandit_gets_the_plot_of_its_arms(tmp_path, finished):
    assert sorted(path.stem for path in write_plots(finished[0])) == ["learning_curve", "spending"]
    arms = [Prompt(f"arm number {number}") for number in range(20)]
    run = a_run(tmp_path / "run", prompts=arms, arms=arms)
    assert [path.stem for path in write_plots(run)] == ["learning_curve", "arm_probability", "spending"]
    assert "12 others" in report(run)[1].text


def test_plots_are_png_files_that_do_not_change(finished):
    paths = write_plots(finished[0])
    before = [path.read_bytes() for path in paths]
    assert all(data.startswith(b"\x89PNG") for data in before)
    assert [path.read_bytes() for path in write_plots(finished[0])] == before


def test_plots_leave_the_users_matplotlib_alone(finished):
    import matplotlib

    with matplotlib.rc_context({"font.size": 31}):
        before = dict(matplotlib.rcParams)
        write_plots(finished[0])
        assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", ["config.json", "result.json", "metrics.jsonl", "prompts.jsonl", "ledger.jsonl"])
@pytest.mark.parametrize("text", ["5", "{}", "[" * 100_000])
def test_a_damaged_run_is_one_line_and_leaves_the_folder_as_it_was(name, text, tmp_path):
    run = a_run(tmp_path)
    (tmp_path / name).write_text(text)
    try:
        write_report(run)
    except RunError as refused:
        assert len(str(refused).splitlines()) == 1 and "damaged" in str(refused)
        assert not (tmp_path / "report.html").exists() and not (tmp_path / "plots").exists()
    else:
        assert name.endswith("l") and text.startswith("[")  # lines that are no JSON are passed over


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    run = a_run(tmp_path)
    (tmp_path / "plots").write_text("in the way")
    with pytest.raises(RunError, match="cannot report on run .*plots"):
        write_report(run)


def test_a_link_in_a_downloaded_run_leads_no_picture_elsewhere(tmp_path):
    run = a_run(tmp_path / "run")
    elsewhere = tmp_path / "precious"
    elsewhere.write_text("mine")
    (run.path / "plots").mkdir()
    (run.path / "plots" / "learning_curve.png").symlink_to(elsewhere)
    write_report(run)
    assert elsewhere.read_text() == "mine"


def test_the_best_prompt_so_far_is_chosen_as_the_search_chooses(tmp_path):
    run = a_run(tmp_path, finish=False)
    log_prompt(run, Prompt("Breaks on the hard rows."), "validation", 3, 1.0, 20)
    assert gather(run).best_prompt["text"] == BEST.text


def test_numbers_that_a_policy_could_not_give_leave_a_gap(tmp_path):
    run = a_run(tmp_path / "run", finish=False)
    run.log_prompt({**run.prompts[-1], "id": "no answers", "value": None, "n": 0})
    run.log_metrics({"step": 4, "reward_mean": None, "reward_max": math.inf, "task_tokens": None})
    assert len(write_plots(run)) == 2
    assert verdict(gather(run)) in report(run)[1].text


def test_the_summary_fits_and_says_everything(finished):
    run, _, _ = finished
    text = summary(run)
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith(("run ", "report ")))  # paths
    for part in (
        SEED.text,
        "test accuracy",
        "0.120",
        "0.860 to 0.950",
        "+0.744 to +0.836",
        "p < 0.001 (McNemar mid-p)",
        "The prompt found by grpo is better.",
        "1,234 calls, 56,789 tokens computed, 1,111 reused",
        "1 min 15 s, 0.021 GPU-hours, 0.05 USD",
        "report.html",
        "toy model",
    ):
        assert part in text


def test_the_summary_cuts_an_endless_prompt(tmp_path):
    text = summary(a_run(tmp_path / "run", prompts=(SEED, Prompt("word " * 2000))))
    assert len(text.splitlines()) < 40 and "the whole prompt is in the report" in text


def test_a_run_that_never_validated_its_prompts_has_a_report(tmp_path):
    run = a_run(tmp_path / "run")
    result = run.result
    for name in ("seed_prompt", "best_prompt"):
        result[name]["validation"]["value"] = None
    run.finish(result)
    assert "0.910" in report(run)[1].text


def test_evaluated_prompts_are_compared_with_the_first():
    rows = [[SimpleNamespace(score=score) for score in scores] for scores in ([0] * 40, [1] * 39 + [None])]
    common = {"split": "test", "metric": "accuracy", "n": 40, "ci_low": 0.0, "ci_high": 0.1}
    first = SimpleNamespace(prompt=SEED, value=0.0, rows=rows[0], **common)
    second = SimpleNamespace(prompt=HOSTILE, value=1.0, rows=rows[1], **common)
    text = evaluation_table([first, second])
    assert "test accuracy" in text and "+1.000, p < 0.001: better" in text
    assert "\\x1b" in text and "\x1b" not in text
    assert "against" not in evaluation_table([first])
    assert all(len(line) <= 100 for line in text.splitlines())


def test_reports_load_neither_torch_nor_matplotlib_until_they_draw():
    code = "import sys, prl_hub.reports; print({'torch', 'matplotlib', 'jinja2', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_candidates_come_by_validation_then_by_reward_and_keep_their_flaws(tmp_path):
    run = a_run(tmp_path / "run", finish=False)
    for number, (reward, n) in enumerate([(0.2, 10), (0.8, 30)]):
        log_prompt(run, Prompt("twice"), "train", number, reward, n)
    log_prompt(run, Prompt("once"), "train", 0, 0.9, 10)
    append_line(
        run.path / "prompts.jsonl", {**run.prompts[-1], "id": "x", "text": "", "n": 0, "reward": None, "flaw": "empty"}
    )
    found = candidates(run)
    assert [row["text"] for row in found] == [BEST.text, SEED.text, "once", "twice", ""]
    assert found[3]["reward"] == pytest.approx(0.65) and found[3]["rows"] == 40
    assert found[4]["flaw"] == "empty" and found[4]["reward"] is None
    assert "Not scored: empty" in report(run)[1].text


def test_rows_gained_and_lost_are_paired_and_failures_counted(finished):
    run, _, page = finished
    rows = changed_rows(run, gather(run))
    assert (len(rows["gained"]), len(rows["lost"]), rows["same"], rows["failed"]) == (4, 1, 2, 1)
    assert rows["gained"][0]["input"] == "review number 0 <script>alert(2)</script>"
    assert "better on 4 rows and worse on 1; 2 scored the same, and 1 have no score" in page.text


def test_spending_adds_up_by_owner_and_purpose(finished):
    run, _, _ = finished
    append_line(run.path / "ledger.jsonl", run.ledger[0])
    found = {(row["owner"], row["purpose"]): row["calls"] for row in spending(run)}
    assert found == {("task_model", "seed"): 128, ("task_model", "reward"): 64, ("policy", "update"): 64}


def test_the_diff_gives_both_texts_back():
    random_numbers = random.Random(1)
    for _ in range(200):
        old, new = ("".join(random_numbers.choices("a b, c. \n", k=random_numbers.randrange(30))) for _ in range(2))
        pieces = word_diff(old, new)
        assert "".join(text for kind, text in pieces if kind != "added") == old
        assert "".join(text for kind, text in pieces if kind != "removed") == new


def test_the_diff_is_made_of_phrases_rather_than_scraps():
    assert word_diff("Say it is good or bad.", "Say it is positive or negative.") == [
        ("same", "Say it is "),
        ("removed", "good or bad"),
        ("added", "positive or negative"),
        ("same", "."),
    ]
    assert [kind for kind, _ in word_diff("x " * 3000, "y " * 3000)] == ["removed", "added"]


def test_what_cannot_be_seen_is_written_out():
    assert visible("a\u202eb\u200b\xa0\ufe0f\U000e0041\r") == "a\\u202eb\\u200b\\xa0\\ufe0f\\U000e0041\\r"
    assert visible("two\nlines\tand 漢字 é עברית 🙂") == "two\nlines\tand 漢字 é עברית 🙂"
    assert shorten("a  long\nline", 6) == "a lon…"


def test_numbers_read_as_people_write_them():
    assert [p_value(0.0004), p_value(0.0314)] == ["p < 0.001", "p = 0.031"]
    assert [duration(s) for s in (0.25, 59.6, 75, 7384)] == ["0.2 s", "1 min 00 s", "1 min 15 s", "2 h 03 min"]


def test_settings_are_named_as_on_the_command_line():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [2]}) == [("a.b", 1), ("a.c", {}), ("d", [2])]
    assert json.dumps(flatten({})) == "[]"


def test_the_report_tells_how_to_run_it_again_with_the_versions_that_are_known(finished):
    _, _, page = finished
    for fact in ("prl-hub train config.json", "task_model.revision", "abc123", "revisions.dataset", "9f8e7d"):
        assert fact in page.text
    assert "versions.prl_hub" in page.text and "versions.torch" not in page.text
