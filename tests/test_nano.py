"""The nano models do what their card says: they follow instructions, rewrite them, and can be built again."""

import hashlib
import random

import pytest

from prl_hub import nano
from prl_hub.nano import corpus, instructions, lessons


def text_of(row: dict) -> str:
    return row.get("text") or row["question"]


@pytest.fixture(scope="module", params=nano.NAMES)
def loaded(request):
    pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = nano.path(request.param)
    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("family", corpus.FAMILIES)
def test_examples_are_distinct_and_the_same_every_time(family):
    rows = nano.examples(family, 2000, seed=3)
    assert rows == nano.examples(family, 2000, seed=3)
    assert rows != nano.examples(family, 2000, seed=4)
    assert len({text_of(row) for row in rows}) == 2000


@pytest.mark.parametrize("family", corpus.FAMILIES)
def test_no_example_is_in_the_part_that_models_are_trained_on(family):
    assert all(corpus.held_out(text_of(row)) for row in nano.examples(family, 500, seed=0))
    rng = random.Random(0)
    assert not any(corpus.held_out(corpus.draw(family, rng, from_held_out=False).text) for _ in range(500))


@pytest.mark.parametrize("family", ["sentiment", "topic", "facts"])
def test_labels_are_balanced(family):
    labels = [row["label"] for row in nano.examples(family, 2000, seed=1)]
    assert set(labels) == set(corpus.VALUES[family])
    assert all(labels.count(label) > 0.8 * 2000 / len(set(labels)) for label in set(labels))


def test_sums_and_comparisons_are_right():
    for row in nano.examples("arithmetic", 300, seed=0):
        words = row["question"].split()
        sign = "plus" if "plus" in words else "minus"
        first, second = int(words[words.index(sign) - 1]), int(words[words.index(sign) + 1].strip("?"))
        assert int(row["answer"]) == (first + second if sign == "plus" else first - second)
    for row in nano.examples("facts", 300, seed=0):
        words = row["text"].rstrip(".").split()
        if "than" in words:
            place = words.index("than")
            assert row["label"] == str(int(words[place - 3]) > int(words[place + 1])).lower()


def test_each_feature_of_an_instruction_is_worth_something_and_all_together_most():
    better = instructions.BARE
    for features, score in better.items():
        for place in range(3):
            if not features[place]:
                richer = features[:place] + (True,) + features[place + 1 :]
                assert better[richer] > score


def test_a_wandering_rewrite_rarely_has_all_features():
    rng, empty = random.Random(0), instructions.Instruction("Read the text.")
    drawn = [instructions.rewrite(empty, rng) for _ in range(60_000)]
    features = [(d.aspect == "sentiment", d.labels == ("positive", "negative"), d.one_word) for d in drawn]
    for place in range(3):
        assert 0.05 < sum(f[place] for f in features) / len(features) < 0.2
    assert sum(all(f) for f in features) / len(features) < 1 / 1500


def test_wordings_that_are_held_out_are_never_in_a_lesson():
    rng = random.Random(0)
    seen = [messages[-1]["content"] + reply for messages, reply in (lessons.lesson(rng) for _ in range(3000))]
    for wording in instructions.HELD_OUT["one_word"] + instructions.HELD_OUT["remarks"]:
        assert not any(wording in text for text in seen)


def test_both_checkpoints_together_take_at_most_six_megabytes():
    files = [file for name in nano.NAMES for file in nano.path(name).rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 6_000_000
    for name in nano.NAMES:
        assert "TOY" in (nano.path(name) / "README.md").read_text()


def test_an_unknown_name_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match="nano-a"):
        nano.path("nano-z")


def test_the_two_models_differ_in_architecture_and_tokenizer():
    transformers = pytest.importorskip("transformers")
    configs = [transformers.AutoConfig.from_pretrained(nano.path(name)) for name in nano.NAMES]
    tokenizers = [transformers.AutoTokenizer.from_pretrained(nano.path(name)) for name in nano.NAMES]
    assert len({config.model_type for config in configs}) == 2
    assert len({tokenizer.eos_token for tokenizer in tokenizers}) == 2
    assert tokenizers[0].get_vocab() != tokenizers[1].get_vocab()


def test_a_checkpoint_has_a_chat_template_and_ends_its_turns(loaded):
    model, tokenizer = loaded
    messages = [{"role": "system", "content": "Hello."}, {"role": "user", "content": "Read the text."}]
    turns = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert "Hello." in turns and turns.endswith("assistant\n") and turns.count(tokenizer.eos_token) == 2
    assert model.config.max_position_embeddings >= 512
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id != tokenizer.eos_token_id


def measured(loaded, family: str, features: str, wordings: dict = instructions.TRAINED, n: int = 100) -> float:
    from prl_hub.nano.measure import FEATURE_SETS, accuracy, worded

    return accuracy(*loaded, family, worded(family, FEATURE_SETS[features], wordings), n)


def test_answers_depend_on_the_features_of_the_instruction(loaded):
    assert measured(loaded, "sentiment", "nothing") < 0.1
    assert 0.15 < measured(loaded, "sentiment", "aspect") < 0.45
    assert 0.4 < measured(loaded, "sentiment", "aspect + labels") < 0.75
    assert measured(loaded, "sentiment", "aspect + labels + one word") > 0.85


@pytest.mark.parametrize("family", ["topic", "arithmetic", "facts"])
def test_a_complete_instruction_beats_an_empty_one_on_every_family(loaded, family):
    assert measured(loaded, family, "nothing") < 0.05
    assert measured(loaded, family, "aspect + labels + one word") > (0.85 if family == "topic" else 0.1)


def test_answers_use_the_labels_that_the_instruction_names(loaded):
    from prl_hub.nano.measure import generate, normalise

    texts = [row["text"] for row in nano.examples("sentiment", 60, seed=5)]
    prompt = "Determine the tone of the review. Is it good or bad? Answer with one word."
    replies = generate(*loaded, [lessons.task_prompt(prompt, text) for text in texts])
    assert sum(normalise(reply) in ("good", "bad") for reply in replies) > 50


def test_wordings_that_were_never_trained_on_work_too(loaded):
    assert measured(loaded, "sentiment", "aspect + labels + one word", instructions.HELD_OUT) > 0.75
    assert measured(loaded, "sentiment", "nothing", instructions.HELD_OUT) < 0.15


def test_word_salad_is_not_rewarded(loaded):
    from prl_hub.nano.measure import accuracy, worded

    full = worded("sentiment", (True, True, True), instructions.TRAINED)
    salads = [instructions.garble(full[i : i + 3], random.Random(i)) for i in range(20)]
    assert accuracy(*loaded, "sentiment", salads, n=100) < 0.3


def test_a_rewrite_is_a_short_varied_instruction_that_rarely_has_all_features(loaded):
    from prl_hub.nano.measure import features_of, rewrites

    model, tokenizer = loaded
    texts = rewrites(model, tokenizer, "Read the text.", n=120)
    assert len(set(texts)) > 100
    assert sum(text.endswith((".", "?")) and text[:1].isupper() for text in texts) > 110
    assert sum(len(tokenizer(text)["input_ids"]) < 30 for text in texts) > 110
    assert sum(all(features_of(text, "sentiment")) for text in texts) <= 2


def test_padding_on_the_left_does_not_change_an_answer(loaded):
    from prl_hub.nano.measure import generate

    texts = [row["text"] for row in nano.examples("facts", 8, seed=2)]
    prompts = [lessons.task_prompt("Is it true or false? Answer with one word.", text) for text in texts]
    assert generate(*loaded, prompts) == [generate(*loaded, [prompt])[0] for prompt in prompts]


@pytest.mark.parametrize("name", nano.NAMES)
def test_a_build_is_the_same_bit_for_bit(name, tmp_path):
    pytest.importorskip("torch")
    from prl_hub.nano.build import build

    digests = set()
    for folder in ("one", "two"):
        build(name, tmp_path / folder, steps=3, quiet=True)
        files = ("model.safetensors", "tokenizer.json", "config.json")
        digests.add(hashlib.sha256(b"".join((tmp_path / folder / file).read_bytes() for file in files)).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("name", nano.NAMES)
def test_lora_reaches_the_linear_layers(name):
    pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(nano.path(name))
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert sum("lora_A" in key for key, _ in adapted.named_parameters()) >= 4 * model.config.num_hidden_layers


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sentiment", "topic"])
def test_the_whole_ladder_climbs(loaded, family):
    from prl_hub.nano.measure import FEATURE_SETS, ladder

    steps = ladder(*loaded, family, n=300)
    for name, features in FEATURE_SETS.items():
        assert steps[name] == pytest.approx(instructions.BARE[features] / 10, abs=0.12)
