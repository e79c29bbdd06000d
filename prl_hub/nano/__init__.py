"""Two toy language models that ship with the package, so that everything can be tried with no network.

What they are: real `transformers` checkpoints of about a million parameters, trained from scratch by `build.py` on
the synthetic texts of `corpus.py` to follow and to rewrite the instructions of `instructions.py`. What they are not:
useful models, or evidence about any real one.
"""

from pathlib import Path

from prl_hub.nano.corpus import examples

__all__ = ["NAMES", "examples", "path"]

NAMES = ("nano-a", "nano-b")


def path(name: str) -> Path:
    """Return the folder of a checkpoint, ready for `from_pretrained`."""
    if name not in NAMES:
        raise ValueError(f"There is no nano model {name!r}; there are {', '.join(NAMES)}.")
    return Path(__file__).parent / name
