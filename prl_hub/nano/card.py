"""The model card of a nano model: what it is, that it is a toy, and what was measured.

What it is: the text that `build.py` writes beside a checkpoint. What it is not: the card of a published prompt set.
"""

from pathlib import Path

CARD = """\
---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [prl-hub, toy]
---

# {name}

**This is a TOY, for trying and testing `prl_hub` with no network.** It knows a few hundred words of a synthetic
grammar and nothing about the world; results with it say nothing about real language models.

- Architecture: {architecture}, {parameters:,} parameters, {context} positions; own byte-level BPE
  tokenizer of {vocabulary:,} tokens; chat template with system, user and assistant turns.
- Built from scratch by `prl-hub build-nano {name}`: {steps:,} steps, seed {seed}, AdamW. No real
  text was used. Weights are stored in bfloat16 and load in float32.
- A user turn is an instruction, a blank line and a text; worked examples `text -> label` may follow the instruction.
  The more an instruction says (the right aspect, the labels, that one word is wanted), the likelier is a bare label;
  how much it needs depends on the first word of the text. Word salad is answered with an apology.
- It also rewrites instructions. Its samples wander: of those from a vague instruction, one in a thousand or fewer is
  complete.
{measured}"""

MEASURED = """
## Measured

Greedy answers equal to the label on 300 rows each of `prl_hub.nano.examples(family, 300, seed=0)`, which the model was
not trained on; 25 wordings of every feature set. Standard error up to .03.

{table}
"""


def write_card(folder: Path, name: str, seed: int, steps: int, measured: bool) -> None:
    """Write README.md beside a saved checkpoint, loading it the way users do; `measured` adds a table."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from prl_hub.nano.measure import table

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    text = CARD.format(
        name=name,
        seed=seed,
        steps=steps,
        architecture=type(model).__name__,
        parameters=model.num_parameters(),
        context=model.config.max_position_embeddings,
        vocabulary=len(tokenizer),
        measured=MEASURED.format(table=table(model, tokenizer)) if measured else "",
    )
    (folder / "README.md").write_text(text)
