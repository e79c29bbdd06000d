"""From a model id to a loaded causal LM and its tokenizer, with every way to fail told in one line."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prl_hub import nano
from prl_hub.errors import ConfigError, MissingExtra, ModelError
from prl_hub.types import Message

# What transformers raises for folders and repositories that are no usable checkpoint.
_UNUSABLE = (OSError, ValueError, KeyError, RuntimeError, ImportError, AttributeError, TypeError, ArithmeticError)
_DTYPES = ("auto", "float32", "bfloat16", "float16")
# Files up to this size go into a local checkpoint's fingerprint whole; of larger ones the head and the time of change.
_HASHED_BYTES = 1 << 24


def load_causal_lm(
    id: str,
    revision: str | None = None,
    dtype: str = "auto",
    quantization: str | None = None,
    device: str = "auto",
    trust_remote_code: bool = False,
) -> tuple[Any, Any, dict[str, Any]]:
    """Model, tokenizer and identity of a Hub id, a local folder, or a nano model.

    The identity holds what can change an answer: the id, the commit (of a local folder: a fingerprint of its content),
    dtype and quantization.

    Raises:
        ModelError: not found, no causal LM, code that was not allowed to run, or a damaged checkpoint.
        ConfigError: unknown dtype or quantization.
        MissingExtra: torch, transformers or bitsandbytes is not installed.
    """
    _require_packages()
    if dtype not in _DTYPES:
        raise ConfigError(f"dtype: expected one of {', '.join(_DTYPES)}, got '{dtype}'")
    place = _device(device)
    source, local = _source(id)
    weights = {
        "dtype": _dtype(dtype, place),
        "quantization_config": _quantization(quantization, place),
        "device_map": {"": place} if quantization or place != "cpu" else None,
    }
    where = {"revision": revision, "trust_remote_code": trust_remote_code}
    model, tokenizer, commit = _read(id, source, local, where, weights)
    if quantization == "4bit" and place == "cpu":
        _require_whole_blocks(id, model)
    identity = {
        "backend": "local",
        "id": id,
        "revision": _fingerprint(Path(source)) if local else commit,
        "dtype": str(model.dtype).removeprefix("torch."),
        "quantization": quantization,
    }
    return model.eval(), tokenizer, identity


def _require_packages() -> None:
    # Before torch is imported: threads that spin while they wait make everything many times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "transformers", "train") from None


def _read(
    id: str, source: str, local: bool, where: dict[str, Any], weights: dict[str, Any]
) -> tuple[Any, Any, str | None]:
    """Model and tokenizer, complete and able to render a message, and the commit on the Hub that all of it is from."""
    from huggingface_hub.errors import StrictDataclassError
    from jinja2 import TemplateError
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(source, **where)
        _require_causal(id, config)
        commit = None if local else _commit(source, where["revision"])
        where["revision"] = commit or where["revision"]  # a push in between must not mix two commits
        tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left", **where)
        model, loaded = AutoModelForCausalLM.from_pretrained(source, output_loading_info=True, **weights, **where)
        render(tokenizer, [{"role": "user", "content": "Hello"}])
    except (SafetensorError, StrictDataclassError, TemplateError) as error:
        raise ModelError(f"model '{id}' is damaged: {_one_line(error)}") from error
    except _UNUSABLE as error:
        raise _explain(id, where["revision"], error) from error
    if loaded["missing_keys"]:
        raise ModelError(f"model '{id}' lacks weights, e.g. {sorted(loaded['missing_keys'])[0]}: download it again")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token_id = tokenizer.eos_token_id or 0
    return model, tokenizer, commit


def _commit(repo_id: str, revision: str | None) -> str | None:
    """The commit that a branch or tag was resolved to when the config was fetched a moment ago."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repo_id, "config.json", revision=revision)
    return Path(path).parent.name if isinstance(path, str) else None


def render(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The text that the model reads: its chat template applied, or, without one, the messages as plain lines.

    A template that refuses system messages gets the system text at the head of the first user message.
    """
    if not tokenizer.chat_template:
        return "\n\n".join(message["content"] for message in messages) + "\n"
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except TemplateError:
        if messages[0]["role"] != "system":
            raise
        system, first, *rest = messages
        merged = {"role": "user", "content": f"{system['content']}\n\n{first['content']}"}
        return tokenizer.apply_chat_template([merged, *rest], tokenize=False, add_generation_prompt=True)


def _source(id: str) -> tuple[str, bool]:
    """Where to load from, and whether that is a folder of this machine."""
    if id in nano.NAMES:
        return str(nano.path(id)), True
    looks_local = id.startswith((".", "/", "~")) or Path(id).is_dir()
    if looks_local and not Path(id).expanduser().is_dir():
        raise ModelError(f"model '{id}': there is no such folder")
    return (str(Path(id).expanduser()), True) if looks_local else (id, False)


def _device(device: str) -> str:
    import torch

    if device == "auto":
        return str(torch.accelerator.current_accelerator()) if torch.accelerator.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ConfigError(f"task_model.device: '{device}' cannot be used: {str(error).splitlines()[0]}") from None
    return device


def _dtype(dtype: str, device: str) -> Any:
    import torch

    if dtype == "auto":
        return torch.float32 if device == "cpu" else "auto"
    return getattr(torch, dtype)


def _quantization(quantization: str | None, device: str) -> Any:
    if quantization is None:
        return None
    if quantization not in ("4bit", "8bit"):
        raise ConfigError(f"quantization: expected 4bit, 8bit or null, got '{quantization}'")
    try:
        import bitsandbytes  # noqa: F401
        import torch
        from transformers import BitsAndBytesConfig
    except ModuleNotFoundError:
        raise MissingExtra("bitsandbytes", "quantize") from None
    if quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    compute = torch.float32 if device == "cpu" else torch.bfloat16
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=compute
    )


def _require_whole_blocks(id: str, model: Any) -> None:
    """On a CPU, bitsandbytes packs 4-bit weights in blocks of 64 and fails, while it answers, on other widths."""
    import bitsandbytes

    for name, layer in model.named_modules():
        if isinstance(layer, bitsandbytes.nn.Linear4bit) and layer.in_features % 64:
            raise ModelError(
                f"model '{id}': layer {name} is {layer.in_features} wide, and 4bit on a CPU needs multiples of 64: "
                "use quantization=8bit"
            )


def _require_causal(id: str, config: Any) -> None:
    """BERT and its like load as causal LMs too, with a warning and nonsense for answers."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    names = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()
    causal = {name for entry in names for name in ([entry] if isinstance(entry, str) else entry)}
    declared = config.architectures or []
    if declared and not getattr(config, "auto_map", None) and not causal.intersection(declared):
        raise ModelError(f"model '{id}' is a {declared[0]}, not a causal LM: choose a text-generation model")


def _explain(id: str, revision: str | None, error: Exception) -> ModelError:
    text = " ".join(str(error).split())
    if "trust_remote_code" in text:
        return ModelError(f"model '{id}' brings its own code: set task_model.trust_remote_code=true if you trust it")
    if "not a valid git identifier" in text:
        return ModelError(f"model '{id}' has no revision '{revision}': give a branch, tag or commit of its repository")
    if "gated" in text or "401" in text or "403" in text:
        return ModelError(f"model '{id}' needs permission: accept its terms on the Hub, then 'hf auth login'")
    if "not a valid model identifier" in text or "not a local folder" in text or "Repository Not Found" in text:
        return ModelError(f"model '{id}' was not found: give a Hub id (Qwen/Qwen2.5-0.5B-Instruct) or a folder")
    if "connect" in text.lower() or "offline" in text.lower():
        return ModelError(f"model '{id}' is not in the local cache, and the Hub cannot be reached")
    if "Unrecognized configuration class" in text or "Unrecognized model" in text:
        return ModelError(f"model '{id}' is not a causal LM that transformers can load")
    return ModelError(f"model '{id}' cannot be loaded: {_one_line(error)}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _fingerprint(folder: Path) -> str:
    """A name for the content of a local checkpoint."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in (".json", ".safetensors", ".bin", ".jinja", ".model", ".txt", ".py"):
            status = path.stat()
            digest.update(f"{path.name}\0{status.st_size}\0".encode())
            with open(path, "rb") as file:
                digest.update(file.read(_HASHED_BYTES))
            if status.st_size > _HASHED_BYTES:  # reading all of a large file would take longer than loading it
                digest.update(str(status.st_mtime_ns).encode())
    return digest.hexdigest()[:16]
