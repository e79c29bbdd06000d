"""Real processes for tests of what happens when one is killed or interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE = 120  # seconds; a machine may be busy


def command_line(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prl_hub", *arguments]


def prl_hub(*arguments: str, **options) -> subprocess.CompletedProcess:
    """Run a command to its end."""
    settings = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, **options}
    return subprocess.run(command_line(*arguments), capture_output=True, text=True, timeout=PATIENCE, **settings)


def start_training(config: dict, folder: Path) -> subprocess.Popen:
    path = folder.with_name("config_of_the_killed.json")
    path.write_text(json.dumps(config))
    command = command_line("train", str(path), "--output-dir", str(folder))
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_lines(process: subprocess.Popen, path: Path, lines: int) -> None:
    """Until a .jsonl file has so many whole lines."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the run ended or hung before line {lines} of {path.name}: {process.communicate()}")
        time.sleep(0.005)


def kill_after(config: dict, folder: Path, lines: int, signal_number: int = signal.SIGKILL) -> subprocess.Popen:
    """Start a training process and signal it once metrics.jsonl has so many lines."""
    process = start_training(config, folder)
    wait_for_lines(process, folder / "metrics.jsonl", lines)
    process.send_signal(signal_number)
    process.wait(PATIENCE)
    return process
