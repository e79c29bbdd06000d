"""Does training the rewriter beat sampling it? `grpo` against `best_of_n` at the same number of task-model tokens.

    python -m benchmarks.control configs/quickstart.yaml [key.path=value ...] [--seeds 5] [--output-dir DIR]

Each seed is one run of each: `best_of_n` gets as budget what `grpo` spent, and 5 % more, because it stops before its
last step would go over it. Prints a table, the mean difference of the test scores with its interval over seeds
(paired t), and writes it to DIR/control.json. Finished runs in DIR are taken as they are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from prl_hub.evaluation.statistics import compare
from prl_hub.run import Run
from prl_hub.training import train

_ENDLESS = 10**6  # steps; the budget is what ends best_of_n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output-dir", type=Path, default=Path("runs/control"))
    options, rest = parser.parse_known_args()
    rows = [
        _pair(options.config, [*options.overrides, *rest], seed, options.output_dir) for seed in range(options.seeds)
    ]
    result = {"config": options.config, "overrides": options.overrides, "rows": rows, "summary": _summary(rows)}
    (options.output_dir / "control.json").write_text(json.dumps(result, indent=2))
    print(_table(rows))
    print(result["summary"]["sentence"])


def _pair(config: str, overrides: list[str], seed: int, folder: Path) -> dict[str, Any]:
    common = [*overrides, f"seed={seed}"]
    trained = _run(config, [*common, "policy.name=grpo"], folder / f"grpo-{seed}")
    budget = round(1.05 * trained.result["cost"]["task_model"]["tokens"])
    control = [*common, "policy.name=best_of_n", f"policy.steps={_ENDLESS}"]
    control.append(f"selection.every={trained.config.selection.every or max(1, len(trained.metrics) // 10)}")
    sampled = _run(config, [*control, f"budget.task_tokens={budget}"], folder / f"best_of_n-{seed}")
    return {
        "seed": seed,
        "seed_prompt": _test(trained, "seed_prompt"),
        "grpo": _row(trained),
        "best_of_n": _row(sampled),
    }


def _run(config: str, overrides: list[str], folder: Path) -> Run:
    return Run(folder) if (folder / "result.json").exists() else train(config, overrides, folder, folder.exists())


def _row(run: Run) -> dict[str, Any]:
    distinct = {line["id"] for line in run.prompts if line["split"] == "train" and line["n"]}
    return {
        "test": _test(run, "best_prompt"),
        "n": run.result["best_prompt"]["test"]["n"],
        "tokens": run.result["cost"]["task_model"]["tokens"],
        "prompts": len(distinct),
        "seconds": run.result["cost"]["seconds"],
        "prompt": run.best_prompt.text,
    }


def _test(run: Run, which: str) -> float:
    return run.result[which]["test"]["value"]


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    # Scores of several rows' means are no 0/1 scores, so that this is the paired t-test over seeds.
    compared = compare([row["best_of_n"]["test"] for row in rows], [row["grpo"]["test"] for row in rows])
    sentence = (
        f"grpo - best_of_n on the test split: {compared.difference:+.3f}, 95 % interval {compared.ci_low:+.3f} to "
        f"{compared.ci_high:+.3f} ({compared.test} over {compared.n} seeds, p = {compared.p_value:.2g})"
    )
    return {**vars(compared), "sentence": sentence}


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| seed | seed prompt | grpo | best_of_n | tokens grpo / best_of_n | distinct prompts |",
        "|" + "---|" * 6,
    ]
    for row in rows:
        g, b = row["grpo"], row["best_of_n"]
        lines.append(
            f"| {row['seed']} | {row['seed_prompt']:.3f} | {g['test']:.3f} | {b['test']:.3f} "
            f"| {g['tokens']:,} / {b['tokens']:,} | {g['prompts']} / {b['prompts']} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
