"""The command line. Only parses and prints: every command is a function of the package.

Exit status: 0 done, 2 the user's input is wrong (one line on stderr), 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from prl_hub import __version__
from prl_hub.errors import ConfigError, Interrupted, UserError

_LONGEST_ERROR = 500
_SETTINGS = "any key of the config's task, task_model or evaluation section, as key=value"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    try:
        if rest and not hasattr(options, "assignments"):
            raise ConfigError(f"'{rest[0]}' is not understood: see prl-hub --help")
        options.assignments = _assignments([*getattr(options, "assignments", []), *rest])
        options.command(options)
    except UserError as error:
        from prl_hub.reports.wording import visible

        # Names and labels in it may be anybody's text.
        print(f"prl-hub: {visible(' '.join(str(error).split()))[:_LONGEST_ERROR]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("prl-hub: interrupted", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has seen enough
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prl-hub", description="Find better prompts for language models by reinforcement learning."
    )
    parser.add_argument("--version", action="version", version=f"prl-hub {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_train(commands)
    _add_evaluate(commands)
    _add_report(commands)
    _add_build_nano(commands)
    return parser


def _assignments(rest: Sequence[str]) -> list[str]:
    """Words that must be assignments; argparse leaves over those that stand after an option."""
    for word in rest:
        if word.startswith("-") or "=" not in word:
            raise ConfigError(f"'{word}' is not understood: see prl-hub --help")
    return list(rest)


def _add_train(commands: Any) -> None:
    command = commands.add_parser("train", help="search for a better prompt and compare it on the test split")
    command.add_argument("config", help="YAML or JSON file")
    command.add_argument("assignments", nargs="*", metavar="key.path=value", help="override a value of the config")
    command.add_argument("--output-dir", metavar="DIR", help="the run folder (default: a new one below runs/)")
    command.add_argument("--resume", action="store_true", help="continue an interrupted run")
    command.set_defaults(command=_train)


def _train(options: argparse.Namespace) -> None:
    from prl_hub.reports import summary, write_report
    from prl_hub.training import train

    _quiet_libraries()
    try:
        run = train(options.config, options.assignments, options.output_dir, options.resume)
    except Interrupted as interrupted:
        write_report(interrupted.path)
        print(f"\n{summary(interrupted.path)}", file=sys.stderr)
        words = ["prl-hub", "train", options.config, *options.assignments]
        again = shlex.join([*words, "--output-dir", str(interrupted.path), "--resume"])
        print(f"Continue with: {again}", file=sys.stderr)
        raise
    write_report(run)
    print(summary(run))


def _add_evaluate(commands: Any) -> None:
    command = commands.add_parser("evaluate", help="score prompts, with intervals and paired tests")
    command.add_argument("--task", required=True, help="a task's name")
    command.add_argument("--model", required=True, help="Hub id, local folder, or nano model")
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--prompt", action="append", metavar="TEXT", help="a prompt; may be given several times")
    which.add_argument("--prompts", metavar="FILE", help="file of prompts: .txt (one a line), .jsonl or .csv")
    command.add_argument("--split", default="test", help="train, validation or test (default: test)")
    command.add_argument("--limit", type=int, metavar="N", help="only the first N rows")
    command.add_argument("assignments", nargs="*", metavar="key=value", help=_SETTINGS)
    command.set_defaults(command=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from prl_hub.evaluation.evaluate import evaluate, read_prompts
    from prl_hub.parsing import parse_value
    from prl_hub.reports import evaluation_table

    _quiet_libraries()
    pairs = (assignment.split("=", 1) for assignment in options.assignments)
    settings = {key: parse_value(value) for key, value in pairs}
    for key in ("task", "model", "prompt", "prompts", "split", "limit", "name", "id"):
        if key in settings:
            raise ConfigError(f"'{key}=' is not a setting here: see prl-hub evaluate --help for the options")
    prompts = read_prompts(options.prompts) if options.prompts else options.prompt
    results = evaluate(prompts, options.task, options.model, options.split, options.limit, **settings)
    print(evaluation_table(results))


def _add_report(commands: Any) -> None:
    command = commands.add_parser("report", help="write report.html and plots from a run folder")
    command.add_argument("run", metavar="RUN", help="a run folder")
    command.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> None:
    from prl_hub.reports import write_report

    print(write_report(options.run))


def _add_build_nano(commands: Any) -> None:
    command = commands.add_parser("build-nano", help="train the toy models that ship with the package, from scratch")
    command.add_argument("name", choices=("nano-a", "nano-b"))
    command.add_argument("output_dir", metavar="DIR")
    command.set_defaults(command=_build_nano)


def _build_nano(options: argparse.Namespace) -> None:
    from prl_hub.nano.build import build

    build(options.name, options.output_dir)


def _quiet_libraries() -> None:
    """The libraries' own bars and hints would bury the one line that matters."""
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    for name in ("bitsandbytes", "huggingface_hub", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "0" if sys.stderr.isatty() else "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
