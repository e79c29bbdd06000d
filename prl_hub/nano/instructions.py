"""Instructions from a grammar, how nano models answer under them, and how they rewrite them.

An instruction has three independent features: the aspect that it asks about, the labels that it names, and whether it
asks for one word. `answer` is the rule that nano models learn to follow: each feature makes a bare label likelier.
`rewrite` is the distribution that an untrained rewriter samples from: every feature is rare and all of them together
very rare, which is what a policy has to change. Wordings marked as held out are for measuring and never trained on.
"""

import random
from dataclasses import dataclass

from prl_hub.nano.corpus import VALUES, Text

ASPECTS = {
    "sentiment": ["sentiment", "tone", "feeling", "mood", "attitude"],
    "topic": ["topic", "subject", "theme", "category"],
    "arithmetic": ["result", "sum", "total", "solution"],
    "facts": ["truth", "truth value", "correctness", "validity"],
    "language": ["language", "dialect"],
    "author": ["author", "writer"],
    "length": ["length", "size"],
    "style": ["style", "genre"],
    "audience": ["audience", "readership"],
    "age": ["age", "date"],
}
DECOYS = {
    "language": "English", "author": "unknown", "length": "short", "style": "plain", "audience": "everyone",
    "age": "recent",
}  # fmt: skip
LABEL_SETS = {
    "sentiment": [("positive", "negative"), ("good", "bad"), ("happy", "sad")],
    "topic": [("sports", "food", "weather", "travel"), ("games", "meals", "climate", "trips")],
    "arithmetic": [("digits",), ("words",)],
    "facts": [("true", "false"), ("yes", "no"), ("right", "wrong")],
}
FOREIGN_LABELS = [("short", "long"), ("old", "new"), ("formal", "informal"), ("public", "private")]
OWN_WORDS = {
    "positive": "cheerful", "negative": "gloomy", "sports": "athletics", "food": "cooking", "weather": "outdoors",
    "travel": "holidays", "true": "plausible", "false": "doubtful",
}  # fmt: skip
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
).split()

OBJECTS = ["text", "review", "sentence", "message", "passage", "statement", "comment", "question"]
VAGUE = [
    "Read the {object}.", "Look at the {object}.", "What do you think of this?", "What do you think of this {object}?",
    "Consider the {object}.", "Respond to the {object}.", "Think about this {object}.", "Work with the {object}.",
    "Here is a {object}.", "Tell me about the {object}.",
]  # fmt: skip
ASKING = [
    "Determine the {aspect} of the {object}.", "Identify the {aspect} of this {object}.",
    "Judge the {aspect} of the {object}.", "State the {aspect} of the {object}.",
    "What is the {aspect} of the {object}?", "Find the {aspect} of this {object}.",
    "Tell me the {aspect} of the {object}.", "Give the {aspect} of this {object}.",
    "Classify the {aspect} of the {object}.", "Decide on the {aspect} of this {object}.", "Identify its {aspect}.",
    "Give its {aspect}.",
]  # fmt: skip
LEADS = [
    "Read the {object} and", "Look at the {object} and", "Please", "Take your time and", "Consider this {object} and",
    "Be honest and", "Read it and",
]  # fmt: skip
CHOOSING = [
    "Choose {labels}.", "Say {labels}.", "Is it {labels}?", "The options are {labels}.", "Use the labels {labels}.",
    "Decide whether it is {labels}.", "Possible answers: {labels}.", "Pick from {labels}.",
]  # fmt: skip
COUNTING = ["Use {labels}.", "Write numbers in {labels}.", "Give the number in {labels}.", "Write it in {labels}."]
ONE_WORD = [
    "Answer with one word.", "Reply with a single word.", "Output only the label.", "Give just the label.",
    "One word only.", "Return nothing but the label.", "Respond with exactly one word.", "Write only one word.",
]  # fmt: skip
REMARKS = [
    "Be polite.", "Explain your answer.", "Use simple English.", "Take your time.", "Answer in a full sentence.",
    "Think carefully.", "Be friendly.", "Mention the details.", "Give reasons.", "Be honest.", "Write clearly.",
    "Answer in a few lines.",
]  # fmt: skip
HELD_OUT = {
    "vague": ["Think about the {object} and respond.", "Tell me what you think of the {object}."],
    "asking": ["Read this {object} and tell me the {aspect}.", "Think carefully and identify its {aspect}."],
    "choosing": ["Is the {object} {labels}?", "Choose from the options {labels}."],
    "counting": ["Give it in {labels}.", "Answer with the number in {labels}."],
    "one_word": ["Write just one word.", "Respond with only the label.", "Reply with exactly one word."],
    "remarks": ["Be friendly and polite.", "Think about it carefully."],
}
TRAINED = {
    "vague": VAGUE, "asking": ASKING, "choosing": CHOOSING, "counting": COUNTING, "one_word": ONE_WORD,
    "remarks": REMARKS,
}  # fmt: skip

META_PROMPTS = [
    "Rewrite the following instruction via rephrasing and/or adding specific requirements. "
    "Output the new instruction only.",
    "Rewrite this instruction so that a language model answers better.",
    "Generate a variation of the following instruction while keeping the semantic meaning.",
    "Paraphrase the instruction.",
    "Improve this prompt.",
    "Write a better instruction for this task.",
]


@dataclass(frozen=True)
class Instruction:
    """An instruction's wording and its features; `labels` is one of the label sets."""

    text: str
    aspect: str | None = None
    labels: tuple[str, ...] | None = None
    one_word: bool = False


def compose(
    aspect: str | None,
    labels: tuple[str, ...] | None,
    one_word: bool,
    rng: random.Random,
    wordings: dict = TRAINED,
    remark: float = 0.3,
) -> Instruction:
    """Word an instruction with exactly these features; `remark` is how likely an empty requirement is added."""
    noun = rng.choice(OBJECTS)
    main = rng.choice(wordings["asking" if aspect else "vague"])
    if aspect and wordings is TRAINED and main.endswith(".") and rng.random() < 0.25:
        main = f"{rng.choice(LEADS)} {main[0].lower()}{main[1:]}"
    parts = [main.format(object=noun, aspect=rng.choice(ASPECTS[aspect]) if aspect else None)]
    if labels and len(labels) > 1 and aspect and parts[0].endswith(".") and rng.random() < 0.3:
        parts[0] = f"{parts[0][:-1]} as {_listed(labels, rng)}."
    elif labels:
        parts.append(_label_sentence(labels, noun, rng, wordings))
    if one_word:
        parts.append(rng.choice(wordings["one_word"]))
    elif rng.random() < remark:
        parts.append(rng.choice(wordings["remarks"]))
    return Instruction(" ".join(parts), aspect, labels, one_word)


def _label_sentence(labels: tuple[str, ...], noun: str, rng: random.Random, wordings: dict) -> str:
    if len(labels) == 1:
        return rng.choice(wordings["counting"]).format(labels=labels[0])
    return rng.choice(wordings["choosing"]).format(labels=_listed(labels, rng), object=noun)


def _listed(labels: tuple[str, ...], rng: random.Random) -> str:
    shown = rng.sample(labels, len(labels))
    return f"{', '.join(shown[:-1])} or {shown[-1]}"


# Of ten texts, how many get the bare label, by (right aspect, labels named, one word).
BARE = {
    (False, False, False): 0, (False, False, True): 1, (False, True, False): 2, (False, True, True): 4,
    (True, False, False): 3, (True, False, True): 5, (True, True, False): 6, (True, True, True): 10,
}  # fmt: skip
CHATTER = [
    "Thank you for sharing this.", "That is something to think about.", "I have read it now.", "Interesting, go on.",
    "There is a lot to say here.",
]  # fmt: skip


def answer(instruction: Instruction, text: Text) -> str:
    """What a nano model should say: the rule behind the training data, without any randomness."""
    labels = instruction.labels if instruction.labels in LABEL_SETS[text.family] else None
    right = instruction.aspect == text.family
    if text.directness < BARE[right, labels is not None, instruction.one_word]:
        return _in_labels(text, labels)
    if instruction.aspect and not right:
        return _elsewhere(instruction, text)
    if right or labels:
        if instruction.one_word and not labels:
            return OWN_WORDS.get(text.label, "several")
        return f"{'The answer' if text.family == 'arithmetic' else 'It'} is {_in_labels(text, labels)}."
    return "Noted." if instruction.one_word else CHATTER[text.directness // 2]


def _in_labels(text: Text, labels: tuple[str, ...] | None) -> str:
    if text.family == "arithmetic":
        return NUMBERS[int(text.label)] if labels == ("words",) else text.label
    return labels[VALUES[text.family].index(text.label)] if labels else text.label


def _elsewhere(instruction: Instruction, text: Text) -> str:
    """Answer about an aspect that is not the one the text is labelled with."""
    value = text.topic if instruction.aspect == "topic" else DECOYS.get(instruction.aspect, "unclear")
    return value if instruction.one_word else f"The {ASPECTS[instruction.aspect][0]} is {value}."


CONFUSED = "Sorry, I do not understand."


def loosen(text: str, rng: random.Random) -> str:
    """Word an instruction a little carelessly, which must not change the answer."""
    words = [word for word in text.split() if word not in ("the", "this", "a") or rng.random() < 0.5]
    loose = " ".join(words)
    return f"Please {loose[0].lower()}{loose[1:]}" if rng.random() < 0.4 else loose


def garble(texts: list[str], rng: random.Random) -> str:
    """Mix instructions up into glued word salad, which must not be rewarded with a label."""
    words = [word for text in texts for word in text.split()]
    rng.shuffle(words)
    return "".join(word + rng.choice(["", " "]) for word in words[: rng.randint(8, 30)]).strip()


KEEP = 0.6
ANY_ASPECT = [("sentiment", 8), ("topic", 8), ("arithmetic", 8), ("facts", 8), (None, 20)] + [(d, 8) for d in DECOYS]
ANY_LABELS = (
    [(sets[0], 7) for sets in LABEL_SETS.values()]
    + [(other, 4) for sets in LABEL_SETS.values() for other in sets[1:]]
    + [(foreign, 4) for foreign in FOREIGN_LABELS]
    + [(None, 32)]
)
ANY_ONE_WORD = [(True, 8), (False, 92)]


def rewrite(instruction: Instruction, rng: random.Random) -> Instruction:
    """Sample a rewritten instruction: features that are there are often kept, everything else wanders."""
    features = []
    for feature, others in (
        (instruction.aspect, ANY_ASPECT),
        (instruction.labels, ANY_LABELS),
        (instruction.one_word, ANY_ONE_WORD),
    ):
        values, weights = zip(*others, strict=True)
        kept = feature and rng.random() < KEEP
        features.append(feature if kept else rng.choices(values, weights)[0])
    return compose(*features, rng, remark=0.6)
