"""Short synthetic English texts in four families, each with its true label.

What it is: a small grammar, standard library only. Every text opens with one of ten words of its family; the
position of that word in the list is the text's *directness*, a surface property that `instructions.answer` uses to
give partly specified instructions partial credit. What it is not: real language data. Instructions and answers
belong to `instructions.py`.

A content hash splits all texts for ever: nano models are trained on one part, `examples` only returns the other.
"""

import hashlib
import random
from dataclasses import dataclass

FAMILIES = ("sentiment", "topic", "arithmetic", "facts")
VALUES = {
    "sentiment": ("positive", "negative"),
    "topic": ("sports", "food", "weather", "travel"),
    "facts": ("true", "false"),
}

DETERMINERS = ("My", "This", "Our", "That", "The", "His", "Their", "Her", "Your", "One")
ASSURANCES = (
    "Surely", "Clearly", "Indeed", "Certainly", "Note that", "We know that", "Of course", "They say that",
    "Everyone knows that", "Perhaps",
)  # fmt: skip
NAMES = ("Anna", "Ben", "Carla", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas")

NOUNS = {
    "sports": "match race coach team stadium goalkeeper tournament training referee football marathon".split(),
    "food": "soup cake dinner pizza bread salad coffee breakfast sauce cheese sandwich".split(),
    "weather": "rain storm breeze snow forecast fog heat sky wind thunder sunshine".split(),
    "travel": "hotel flight train journey airport cruise trip ticket tour suitcase passport".split(),
}
GOOD = (
    "wonderful lovely great delightful brilliant superb pleasant charming excellent perfect amazing splendid "
    "enjoyable fantastic beautiful impressive refreshing marvellous nice"
).split()
BAD = (
    "terrible awful dreadful horrible boring dull poor ugly annoying disappointing miserable nasty unpleasant weak "
    "tedious shabby hopeless painful dismal"
).split()
TIMES = (
    "in the evening", "on Monday", "last week", "near the river", "at the weekend", "for two hours", "this summer",
    "after lunch", "in our town", "on the second day", "in spring", "before the holidays",
)  # fmt: skip

COLOURS = {
    "snow": "white", "grass": "green", "blood": "red", "coal": "black", "milk": "white", "a lemon": "yellow",
    "the clear sky": "blue", "a ripe tomato": "red", "a frog": "green", "a crow": "black",
}  # fmt: skip
CAN = {
    "a bird": ("fly", "read"), "a fish": ("swim", "sing"), "a dog": ("bark", "fly"), "a horse": ("run", "read"),
    "a cat": ("climb", "write"), "a frog": ("jump", "drive"), "a child": ("learn", "fly"), "a bee": ("fly", "write"),
}  # fmt: skip
OBJECTS = "apples books coins pencils stamps cards shells marbles plates candles".split()


@dataclass(frozen=True)
class Text:
    """One text with everything that can be asked about it."""

    family: str
    text: str
    label: str
    topic: str
    directness: int


def held_out(text: str) -> bool:
    """True for the four tenths of all texts that no nano model was trained on."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10 >= 6


def make(family: str, rng: random.Random) -> Text:
    """Draw one text of a family."""
    return {"sentiment": _sentiment, "topic": _topic, "arithmetic": _arithmetic, "facts": _fact}[family](rng)


def _sentiment(rng: random.Random) -> Text:
    topic, directness, label = rng.choice(VALUES["topic"]), rng.randrange(10), rng.choice(VALUES["sentiment"])
    like, unlike = (GOOD, BAD) if label == "positive" else (BAD, GOOD)
    outcome = rng.choice(["pleasure", "success", "joy"] if label == "positive" else ["failure", "pity", "mistake"])
    form = rng.choice([
        "{start} was {like} and {like2} {time}.",
        "{start} {time} was really {like}.",
        "{start} was {like} {time}, almost {like2}.",
        "{start} was a {like} {outcome} {time}.",
        "{start} looked {unlike} but was {like} {time}.",
        "{start} was not {unlike} at all {time}.",
    ])  # fmt: skip
    like1, like2 = rng.sample(like, 2)
    start, time = f"{DETERMINERS[directness]} {rng.choice(NOUNS[topic])}", rng.choice(TIMES)
    text = form.format(start=start, like=like1, like2=like2, unlike=rng.choice(unlike), outcome=outcome, time=time)
    return Text("sentiment", text, label, topic, directness)


def _topic(rng: random.Random) -> Text:
    topic, directness = rng.choice(VALUES["topic"]), rng.randrange(10)
    noun, other = rng.sample(NOUNS[topic], 2)
    form = rng.choice([
        "{start} was mentioned in the newspaper {time}.",
        "{start} came after the {other} {time}.",
        "{start} and the {other} were the same {time}.",
        "{start} was there {time} without the {other}.",
        "{start} will be on the radio {time}.",
        "{start} {time} was like the {other}.",
    ])  # fmt: skip
    text = form.format(start=f"{DETERMINERS[directness]} {noun}", other=other, time=rng.choice(TIMES))
    return Text("topic", text, topic, topic, directness)


def _arithmetic(rng: random.Random) -> Text:
    directness, (a, b) = rng.randrange(10), sorted(rng.choices(range(1, 7), k=2), reverse=True)
    plus = rng.random() < 0.6
    first, second = rng.sample([a, b], 2) if plus else (a, b)
    form = rng.choice([
        "{name} asks {time}: how many {things} are {a} {sign} {b}?",
        "{name} has {a} {sign} {b} {things} {time}. How many are there?",
        "{name} counts {a} {sign} {b} {things}. How many are there {time}?",
    ])  # fmt: skip
    things, sign, time = rng.choice(OBJECTS), "plus" if plus else "minus", rng.choice(TIMES)
    text = form.format(name=NAMES[directness], a=first, b=second, things=things, sign=sign, time=time)
    return Text("arithmetic", text, str(a + b if plus else a - b), "numbers", directness)


def _fact(rng: random.Random) -> Text:
    directness, holds = rng.randrange(10), rng.random() < 0.5
    claim = rng.choice([_comparison, _parity, _colour, _ability])(rng, holds)
    text = f"{ASSURANCES[directness]} {claim}{rng.choice(['', ' ' + rng.choice(TIMES)])}."
    return Text("facts", text, "true" if holds else "false", "knowledge", directness)


def _comparison(rng: random.Random, holds: bool) -> str:
    low, high = sorted(rng.sample(range(1, 10), 2))
    first, second = (high, low) if holds else (low, high)
    return f"{first} is greater than {second}"


def _parity(rng: random.Random, holds: bool) -> str:
    number = rng.randint(1, 12)
    parity = "even" if (number % 2 == 0) == holds else "odd"
    return f"{number} is an {parity} number"


def _colour(rng: random.Random, holds: bool) -> str:
    thing = rng.choice(list(COLOURS))
    colour = COLOURS[thing]
    wrong = rng.choice(sorted(set(COLOURS.values()) - {colour}))
    return f"{thing} is {colour if holds else wrong}"


def _ability(rng: random.Random, holds: bool) -> str:
    animal = rng.choice(list(CAN))
    return f"{animal} can {CAN[animal][0 if holds else 1]}"


def draw(family: str, rng: random.Random, from_held_out: bool) -> Text:
    """Draw one text of a family from one side of the content-hash split."""
    while held_out((text := make(family, rng)).text) != from_held_out:
        pass
    return text


def examples(family: str, n: int, seed: int) -> list[dict]:
    """Return `n` distinct rows that no nano model was trained on; the same arguments give the same rows.

    Rows are `{"text", "label"}`, and `{"question", "answer"}` for `"arithmetic"`.
    """
    rng, rows = random.Random(f"{family} {seed}"), {}
    while len(rows) < n:
        text = draw(family, rng, from_held_out=True)
        rows[text.text] = text.label
    keys = ("question", "answer") if family == "arithmetic" else ("text", "label")
    return [dict(zip(keys, row, strict=True)) for row in rows.items()]
