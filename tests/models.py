"""Small random checkpoints of real architectures, made on the spot."""

from __future__ import annotations

from pathlib import Path

from prl_hub import nano


def tiny_config(width: int = 64, **settings):
    """A Llama of next to nothing but its width."""
    from transformers import LlamaConfig

    small = {"vocab_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaConfig(hidden_size=width, max_position_embeddings=256, **{**small, **settings})


def save_tiny_llama(folder: Path, width: int = 64) -> Path:
    """A random Llama with the tokenizer and chat template of nano-a."""
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(str(nano.path("nano-a")))
    torch.manual_seed(0)
    special = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = tiny_config(width, vocab_size=len(tokenizer), intermediate_size=2 * width, num_hidden_layers=2, **special)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
