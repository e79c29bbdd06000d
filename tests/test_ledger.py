import json

import pytest

from prl_hub.config import BudgetConfig
from prl_hub.errors import BudgetReached
from prl_hub.ledger import Ledger, Spending, append_line, read_lines


def test_two_bills_are_added_up_apart(tmp_path):
    ledger = Ledger(path=tmp_path / "ledger.jsonl")
    ledger.record("task_model", "reward", 1, Spending(2, 10, 5, 3, 0.5))
    ledger.record("task_model", "test", 2, Spending(1, 1, 0, 1, 0.5))
    ledger.record("policy", "proposals", 1, Spending(tokens_generated=7, seconds=2.0))
    cost = ledger.summary()
    assert cost["task_model"] == {
        "calls": 3,
        "tokens_computed": 11,
        "tokens_reused": 5,
        "tokens_generated": 4,
        "seconds": 1.0,
        "tokens": 20,
    }
    assert cost["policy"] == {"tokens": 7, "seconds": 2.0}


def test_a_second_attempt_goes_on_where_the_first_one_ended(tmp_path):
    path = tmp_path / "ledger.jsonl"
    first = Ledger(path=path)
    first.record("task_model", "reward", 1, Spending(2, 10, 5, 3, 0.5))
    elapsed = json.loads(path.read_text())["elapsed"]
    again = Ledger(path=path)
    assert again.totals["task_model"] == first.totals["task_model"]
    assert again.elapsed >= elapsed


def test_a_budget_is_hard_and_asks_before_spending():
    ledger = Ledger(BudgetConfig(task_tokens=100))
    ledger.record("task_model", "reward", 1, Spending(1, 60, 20, 10))
    ledger.require(10)
    with pytest.raises(BudgetReached, match="does not cover the next 11 task-model tokens"):
        ledger.require(11)


def test_what_is_set_aside_cannot_be_spent_until_it_is_released():
    ledger = Ledger(BudgetConfig(task_tokens=100))
    ledger.reserve(80, 0.0)
    with pytest.raises(BudgetReached):
        ledger.require(21)
    ledger.release()
    ledger.require(100)


@pytest.mark.parametrize("budget", [BudgetConfig(seconds=0.0), BudgetConfig(usd=0.0, usd_per_hour=2.0)])
def test_time_and_money_are_limits_too(budget):
    with pytest.raises(BudgetReached, match="seconds or usd"):
        Ledger(budget).require()


def test_a_line_that_a_killed_process_left_unfinished_does_no_harm(tmp_path):
    path = tmp_path / "x.jsonl"
    append_line(path, {"a": 1})
    with open(path, "ab") as file:
        file.write(b'{"a": 2, "b": "torn in the mid')
    assert read_lines(path) == [{"a": 1}]
    append_line(path, {"a": 3})
    assert read_lines(path) == [{"a": 1}, {"a": 3}]


def test_a_limit_in_time_counts_in_tokens_at_the_measured_pace():
    ledger = Ledger(BudgetConfig(seconds=60.0))
    assert ledger.tokens_left == float("inf")  # no pace is known yet
    ledger.record("task_model", "seed", 0, Spending(1, 100, 0, 0, 2.0))
    assert ledger.tokens_left == pytest.approx(60 * 50, rel=0.02)
