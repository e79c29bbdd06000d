"""Small random checkpoints of real architectures, made on the spot."""

from __future__ import annotations

from pathlib import Path

from prl_hub import nano


def save_tiny_llama(folder: Path, width: int = 64) -> Path:
    """A random Llama with the tokenizer and chat template of nano-a."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(str(nano.path("nano-a")))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
