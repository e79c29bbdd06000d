"""Config → run: build the parts, let the policy work, compare seed prompt and best prompt on the test split.

Everything that can be wrong with what was asked is found before the run folder is created.
"""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from prl_hub.config import Config, load_config
from prl_hub.environment import Environment, StoppedEarly, check_environment
from prl_hub.errors import BudgetReached, Interrupted, RunError
from prl_hub.evaluation.answers import shared_answers
from prl_hub.evaluation.evaluator import Evaluator
from prl_hub.evaluation.statistics import compare, mean_interval
from prl_hub.policies import Policy, policy_and_options, with_all_options
from prl_hub.progress import Progress, Tracker, check_trackers
from prl_hub.rewards import load_reward
from prl_hub.run import Run, fresh_folder
from prl_hub.task_models import load_task_model
from prl_hub.tasks import SPLITS, Task, load_task
from prl_hub.types import Evaluation, Example, Prompt

# Rows of the final test that are scored together; halved where the budget does not cover them.
_TEST_BLOCK = 128
_REPORTED_VERSIONS = ("prl-hub", "torch", "transformers", "trl", "peft", "huggingface-hub", "datasets", "bitsandbytes")


def train(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] | Mapping[str, Any] = (),
    output_dir: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Run:
    """Search for a better prompt, and compare it with the seed prompt on the test split.

    Args:
        config: YAML or JSON file, or a mapping.
        overrides: `key.path=value` strings, or a mapping from key path to value.
        output_dir: the run folder; None: a new one below `runs/`, or with `resume` the last unfinished one of this
            config's name there.
        resume: continue an interrupted run, or one that its budget stopped with another budget. Nothing is paid for
            twice, and a finished run is returned as it is.
        quiet: no progress bar.

    Raises:
        UserError: one of its kinds, for whatever is wrong with what was asked; nothing was written then.
        Interrupted: by Ctrl-C; a KeyboardInterrupt that knows the run folder, which is usable and can be resumed.
    """
    settings = with_all_options(load_config(config, overrides))
    folder = Path(output_dir) if output_dir else _default_folder(settings, config, resume)
    resume = resume and folder.exists()
    if resume:
        Run.require_same(folder, settings)  # before a model is loaded for nothing
        if Run(folder).done and not _wants_more(Run(folder), settings):
            return Run(folder)
    else:
        Run.require_free(folder)
    environment, policy = build(settings)
    run = Run.resume(folder, settings) if resume else Run.create(folder, settings)
    try:
        environment.evaluator.keep_in(run.path, settings.budget)
        _restore(run, environment, policy)
        trackers = [Tracker(name, run.path) for name in settings.report_to]
        with Progress(environment.steps, environment.step, trackers, quiet) as progress:
            for line in _fewer_rows(settings, environment.task):
                progress.say(line)
            status = _search(environment, policy, run, progress)
            run.finish(_test(environment, status))
    except KeyboardInterrupt:
        raise Interrupted(run.path) from None
    return run


def build(config: Config) -> tuple[Environment, Policy]:
    """Every part of a run, loaded and checked; nothing is written or scored yet.

    Raises:
        UserError: one of its kinds.
    """
    policy_class, options = policy_and_options(config.policy)
    reward = load_reward(config.reward)
    check_trackers(config.report_to)
    task = load_task(config.task)
    task_model = load_task_model(config.task_model)
    evaluator = Evaluator(task, task_model, config.evaluation.answer, shared_answers(config.evaluation.cache))
    check_environment(config, evaluator)
    environment = Environment(config, evaluator, reward)
    policy = policy_class(options, environment)
    policy.prepare()
    return environment, policy


def _default_folder(config: Config, source: Any, resume: bool) -> Path:
    stem = Path(source).stem if isinstance(source, (str, Path)) else config.task.name
    name = f"{stem}-{config.policy.name}-seed{config.seed}".replace(":", "_")
    new = fresh_folder("runs", name, lambda path: not path.exists())
    if not resume:
        return new
    made: list[Path] = []
    fresh_folder("runs", name, lambda path: not path.exists() or made.append(path) is not None)
    if not made:
        raise RunError(f"there is no run 'runs/{name}' to resume: name its folder with --output-dir")
    return next((path for path in reversed(made) if not (path / "result.json").exists()), made[-1])


def _fewer_rows(settings: Config, task: Task) -> list[str]:
    """Where the data set does not have as many rows as were asked for."""
    asked = {name: getattr(settings.task, name) for name in SPLITS}
    return [
        f"task.{name}={size}: there are only {len(task.split(name))} rows"
        for name, size in asked.items()
        if size is not None and len(task.split(name)) < size
    ]


def _wants_more(run: Run, settings: Config) -> bool:
    """Whether a run that its budget has stopped was given another one."""
    return run.result["status"] == "stopped_by_budget" and run.config.budget != settings.budget


def _restore(run: Run, environment: Environment, policy: Policy) -> None:
    state = run.load_state()
    try:
        run.rewind(-1 if state is None else state["environment"]["step"])
        if state is not None:
            environment.restore(state["environment"])
            policy.restore(state["policy"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"run '{run.path}' is damaged and cannot be resumed: {error!r}") from error


def _search(environment: Environment, policy: Policy, run: Run, progress: Progress) -> str:
    """Let the policy work until it is done or must stop; returns the `status` of the result."""
    status = "finished"
    try:
        environment.start(run, progress)
        policy.optimise(run.path / "checkpoints")
    except BudgetReached as reached:
        status = "stopped_by_budget"
        progress.say(f"stopped: {reached}")
    except StoppedEarly as stopped:
        status = "stopped_early"
        progress.say(f"stopped: {stopped}")
    try:
        environment.select()
    except BudgetReached:
        status = "stopped_by_budget"
    return status


def _test(environment: Environment, status: str) -> dict[str, Any]:
    """The one look at the test split: seed prompt and best prompt, on the same rows."""
    config, evaluator, run = environment.config, environment.evaluator, environment.run
    seed, best = environment.seed_prompt, environment.best
    evaluator.ledger.release()
    tested = _evaluate_in_blocks(environment, [seed, best], evaluator.task.test)
    for prompt in dict.fromkeys([seed, best]):
        _log_test(run, tested[prompt.id])
    old, new = _common_scores(tested[seed.id], tested[best.id])
    return {
        "status": status,
        "task": config.task.name,
        "metric": evaluator.task.metric,
        "seed": config.seed,
        "policy": config.policy.name,
        "task_model": dict(evaluator.task_model.identity),
        "seed_prompt": _describe(environment, seed, tested[seed.id]),
        "best_prompt": _describe(environment, best, tested[best.id]),
        "comparison": dataclasses.asdict(compare(old, new)),
        "cost": evaluator.ledger.summary(),
        "versions": _versions(),
        "revisions": {
            "task_model": evaluator.task_model.identity.get("revision"),
            "task": dict(evaluator.task.source),
        },
    }


def _evaluate_in_blocks(
    environment: Environment, prompts: Sequence[Prompt], examples: Sequence[Example]
) -> dict[str, Evaluation]:
    """All rows that the budget covers; every prompt on the same ones."""
    distinct = list(dict.fromkeys(prompts))
    rows: dict[str, list] = {prompt.id: [] for prompt in distinct}
    done, size = 0, _TEST_BLOCK
    while done < len(examples) and size:
        block = examples[done : done + size]
        try:
            evaluations = environment.evaluator.evaluate(distinct, block, "test", "test", environment.step)
        except BudgetReached:
            size //= 2  # as many rows as still fit
            continue
        for evaluation in evaluations:
            rows[evaluation.prompt.id] += evaluation.rows
        done += len(block)
    if done < len(examples):
        environment.progress.say(f"the budget covered {done} of the {len(examples)} test rows")
    return {prompt.id: Evaluation(prompt, "test", tuple(rows[prompt.id])) for prompt in distinct}


def _common_scores(old: Evaluation, new: Evaluation) -> tuple[list[float], list[float]]:
    """Scores of the rows that both prompts have one for."""
    pairs = [
        (a.score, b.score)
        for a, b in zip(old.rows, new.rows, strict=True)
        if a.score is not None and b.score is not None
    ]
    return [a for a, _ in pairs], [b for _, b in pairs]


def _describe(environment: Environment, prompt: Prompt, tested: Evaluation) -> dict[str, Any]:
    low, high = mean_interval(tested.scores)
    return {
        "id": prompt.id,
        "text": prompt.text,
        "system": prompt.system,
        "messages": environment.task.template(prompt),
        "validation": environment.candidates.validation(prompt),
        "test": {"value": tested.value, "n": tested.n, "ci_low": low, "ci_high": high},
    }


def _log_test(run: Run, tested: Evaluation) -> None:
    for row in tested.rows:
        run.log_row({"prompt_id": tested.prompt.id, **dataclasses.asdict(row)})


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _REPORTED_VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # an extra that this run did not need
    return found
