"""Better prompts for language models by reinforcement learning, at home on the Hugging Face Hub.

The whole public surface, loaded on first use, so that `import prl_hub` costs nothing and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from prl_hub.evaluation.evaluate import EvaluationResult, evaluate
    from prl_hub.run import Run
    from prl_hub.training import train
    from prl_hub.types import Prompt

_PUBLIC = {
    "EvaluationResult": "prl_hub.evaluation.evaluate",
    "Prompt": "prl_hub.types",
    "Run": "prl_hub.run",
    "evaluate": "prl_hub.evaluation.evaluate",
    "train": "prl_hub.training",
}

__all__ = ["EvaluationResult", "Prompt", "Run", "evaluate", "train"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'prl_hub' has no attribute '{name}'")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
