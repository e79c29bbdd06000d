import pytest

from prl_hub.config import BudgetConfig
from prl_hub.errors import BudgetReached, ConfigError
from prl_hub.evaluation.answers import AnswerStore, answer_key
from prl_hub.evaluation.evaluator import Evaluator
from prl_hub.task_models.fake import FakeTaskModel
from prl_hub.types import Answer, Decoding, Prompt
from tests.toys import SharingFake, breaks_on_seven, follows_words, parity_task


@pytest.fixture
def evaluator():
    return Evaluator(parity_task(), FakeTaskModel(follows_words))


def test_evaluations_come_in_the_order_of_prompts_and_rows(evaluator):
    rows = evaluator.task.train[:20]
    weak, strong = evaluator.evaluate([Prompt("Say."), Prompt("Say the parity carefully.")], rows)
    assert [row.example_id for row in weak.rows] == [example.id for example in rows]
    assert (weak.value, strong.value) == (0.1, 0.9)
    assert weak.rows[3].messages == [{"role": "user", "content": "Say.\n\n3"}]


def test_equal_prompts_are_asked_and_charged_once(evaluator):
    rows = evaluator.task.train[:5]
    first, second, third = evaluator.evaluate([Prompt("a"), Prompt("b"), Prompt("a", origin="other")], rows)
    assert first is third and first is not second
    assert len(evaluator.task_model.asked) == 10
    assert evaluator.ledger.totals["task_model"].calls == 10


def test_what_was_paid_for_is_never_asked_again(evaluator):
    rows = evaluator.task.train[:5]
    evaluator.evaluate([Prompt("a")], rows)
    before = evaluator.ledger.totals["task_model"]
    again = evaluator.evaluate([Prompt("a")], rows)[0]
    assert evaluator.ledger.totals["task_model"] == before
    assert again.n == 5


def test_answers_of_other_runs_are_reused_and_count_towards_the_budget(tmp_path):
    task, shared = parity_task(), AnswerStore(tmp_path / "shared.sqlite")
    first, second = (Evaluator(task, SharingFake(follows_words), shared=shared) for _ in range(2))
    for evaluator in (first, second):
        evaluator.evaluate([Prompt("a")], task.train[:5])
    assert second.task_model.asked == []
    paid, found = first.ledger.totals["task_model"], second.ledger.totals["task_model"]
    assert (found.calls, found.tokens_computed, found.tokens_reused) == (0, 0, paid.tokens)
    assert found.tokens == paid.tokens


def test_a_killed_process_is_charged_for_what_it_left_in_the_store(tmp_path):
    task = parity_task()
    killed = Evaluator(task, FakeTaskModel(follows_words))
    killed.keep_in(tmp_path, BudgetConfig())
    killed.evaluate([Prompt("a")], task.train[:5])
    spent = killed.ledger.totals["task_model"].tokens
    (tmp_path / "ledger.jsonl").write_text("")  # the answers reached the disk, the line did not
    resumed = Evaluator(task, FakeTaskModel(follows_words))
    resumed.keep_in(tmp_path, BudgetConfig())
    resumed.evaluate([Prompt("a")], task.train[:5])
    assert resumed.task_model.asked == []
    assert resumed.ledger.totals["task_model"].tokens == spent


def test_nothing_is_begun_that_the_budget_will_not_cover(evaluator, tmp_path):
    rows = evaluator.task.train[:5]
    evaluator.keep_in(tmp_path, BudgetConfig(task_tokens=evaluator.tokens([Prompt("a")], rows) - 1))
    with pytest.raises(BudgetReached):
        evaluator.evaluate([Prompt("a")], rows)
    assert evaluator.task_model.asked == []


def test_answers_longer_than_expected_stop_at_the_budget_and_what_was_paid_for_is_kept(tmp_path):
    talker = Evaluator(parity_task(), FakeTaskModel(lambda messages: "word " * 16))
    talker.typical_answer = 1
    talker.keep_in(tmp_path, BudgetConfig(task_tokens=100))
    with pytest.raises(BudgetReached):
        talker.evaluate([Prompt("a")], talker.task.train[:20])
    spent = talker.ledger.totals["task_model"].tokens
    assert 100 - 18 < spent <= 100
    assert talker.paid.tokens() == spent


def test_no_evaluation_costs_more_than_the_most_that_was_foretold(evaluator):
    prompts, rows = [Prompt("one two"), Prompt("three")], evaluator.task.train
    most = evaluator.tokens(prompts, rows)
    evaluator.evaluate(prompts, rows)
    assert 0 < evaluator.ledger.totals["task_model"].tokens <= most


def test_a_failed_answer_is_a_row_without_a_score_and_is_asked_again():
    evaluator = Evaluator(parity_task(), FakeTaskModel(breaks_on_seven))
    rows = evaluator.task.train[:10]
    evaluation = evaluator.evaluate([Prompt("parity")], rows)[0]
    assert evaluation.rows[7].score is None
    assert evaluation.rows[7].error == "ValueError: cannot read a seven"
    assert evaluation.n == 9
    evaluator.evaluate([Prompt("parity")], rows)
    assert len(evaluator.task_model.asked) == 11


def test_a_longer_list_than_one_chunk_is_answered_in_order(evaluator):
    rows = evaluator.task.train
    told = []
    prompts = [Prompt(f"prompt {i}") for i in range(20)]
    evaluations = evaluator.evaluate(prompts, rows, on_progress=told.append)
    assert [e.prompt for e in evaluations] == prompts
    assert sum(told) == len(prompts) * len(rows)


def test_the_cache_key_holds_everything_that_changes_an_answer():
    base = {"model": {"id": "m", "revision": "1"}, "decoding": Decoding(8), "rendered": "x"}
    others = [
        base | {"model": {"id": "m", "revision": "2"}},
        base | {"decoding": Decoding(9)},
        base | {"decoding": Decoding(8, ("a", "b"))},
        base | {"rendered": "y"},
    ]
    keys = {answer_key(**case) for case in [base, *others]}
    assert len(keys) == 5
    assert answer_key(**base) == answer_key(**dict(base))


def test_a_stored_answer_comes_back_whole(tmp_path):
    store = AnswerStore(tmp_path / "a.sqlite")
    answer = Answer("ödd 🙂", 3, 2, 1, {"odd": -0.5, "even": -1.5})
    store.put([("k", answer), ("failed", Answer("", error="no"))])
    store.close()
    assert AnswerStore(tmp_path / "a.sqlite").get(["k", "failed", "none"]) == {"k": answer}


def test_label_mode_needs_labels():
    task = parity_task()
    with pytest.raises(ConfigError, match="expected generate or label"):
        Evaluator(task, FakeTaskModel(), "guess")
    assert Evaluator(task, FakeTaskModel(), "label").decoding.choices == ("even", "odd")
