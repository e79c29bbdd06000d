"""Randomness is an argument: one independent, named stream for each purpose.

Two purposes never share a stream, so asking for one more number here does not change what happens there, and a
resumed run can open the stream of any step without having lived through the steps before it.
"""

from __future__ import annotations

import hashlib
import random


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed that depends on the run's seed and on every name, e.g. `derive(0, "minibatch", 12)`."""
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: str | int) -> random.Random:
    """The random generator of one purpose."""
    return random.Random(derive(seed, *names))
