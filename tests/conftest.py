"""What the tests share: no network, a cache of their own, the folder of real data where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before anything imports a Hugging Face library.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # a busy machine must not make the tests crawl

SHARED = Path(__file__).parents[2] / "shared"
CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test sees answers that another one, or the user, has left."""
    monkeypatch.setenv("PRL_HUB_CACHE", str(tmp_path / "cache" / "answers.sqlite"))


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the folder of real data and models is not beside the checkout")
    return SHARED
