"""The local task model against the plainest way of asking the same checkpoint."""

import json

import pytest

torch = pytest.importorskip("torch")

from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from prl_hub import nano
from prl_hub.config import TaskModelConfig
from prl_hub.errors import ConfigError, ModelError
from prl_hub.task_models import load_task_model
from prl_hub.task_models.local import LocalTaskModel
from prl_hub.types import Decoding
from tests.models import save_tiny_llama

TEXTS = [row["text"] for row in nano.examples("sentiment", 24, seed=5)]
CONVERSATIONS = [[{"role": "user", "content": f"What is the sentiment?\n\n{text}"}] for text in TEXTS]


@pytest.fixture(scope="module")
def model():
    return load_task_model(TaskModelConfig(id="nano-a"))


def one_at_a_time(id, conversations, max_new_tokens):
    """What `generate` says, row by row, without any of our code."""
    tokenizer = AutoTokenizer.from_pretrained(id)
    plain = AutoModelForCausalLM.from_pretrained(id, dtype=torch.float32)
    answers = []
    for messages in conversations:
        inputs = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        whole = plain.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)[0]
        answers.append(tokenizer.decode(whole[inputs["input_ids"].shape[1] :], skip_special_tokens=True))
    return answers


@pytest.mark.parametrize("name", nano.NAMES)
def test_answers_in_batches_are_the_answers_one_at_a_time(name):
    batched = load_task_model(TaskModelConfig(id=name, batch_size=7))
    answers = batched.answer(CONVERSATIONS, Decoding(12))
    assert [answer.text for answer in answers] == one_at_a_time(str(nano.path(name)), CONVERSATIONS, 12)


def test_tokens_are_counted_as_the_model_sees_them(model):
    answer = model.answer(CONVERSATIONS[:1], Decoding(12))[0]
    read = model.tokenizer.apply_chat_template(CONVERSATIONS[0], add_generation_prompt=True)["input_ids"]
    assert (answer.tokens_computed, answer.tokens_reused) == (len(read), 0)
    assert answer.tokens_generated == model.count_tokens(answer.text)


def test_answers_are_greedy_whatever_the_generation_config_of_the_checkpoint_says(model, tmp_path):
    folder = tmp_path / "sampler"
    model.model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text())
    settings |= {"do_sample": True, "temperature": 5.0, "top_k": 3, "repetition_penalty": 3.0, "min_new_tokens": 9}
    banned = [model.tokenizer(" positive", add_special_tokens=False)["input_ids"], [5], [6]]
    settings |= {"no_repeat_ngram_size": 1, "max_new_tokens": 1, "bad_words_ids": banned, "max_time": 1e-9}
    path.write_text(json.dumps(settings | {"suppress_tokens": list(range(50, 400))}))
    other = load_task_model(TaskModelConfig(id=str(folder)))
    texts = [[answer.text for answer in each.answer(CONVERSATIONS, Decoding(12))] for each in (model, other)]
    assert texts[0] == texts[1]


def test_labels_are_scored_by_their_probability_after_the_prompt(model):
    labels = ("positive", "negative", "it is hard to say")
    answers = model.answer(CONVERSATIONS[:6], Decoding(8, labels))
    for messages, answer in zip(CONVERSATIONS, answers, strict=False):
        for label in labels:
            prompt = model.tokenizer(model.render(messages), add_special_tokens=False)["input_ids"]
            tail = model.tokenizer(label, add_special_tokens=False)["input_ids"]
            with torch.inference_mode():
                logprobs = model.model(torch.tensor([prompt + tail])).logits[0].log_softmax(-1)
            expected = sum(logprobs[len(prompt) - 1 + i, token].item() for i, token in enumerate(tail))
            assert answer.logprobs[label] == pytest.approx(expected, abs=1e-4)
        assert answer.text == max(labels, key=answer.logprobs.__getitem__)


def test_a_prompt_that_does_not_fit_the_context_is_a_failed_answer_not_a_failed_run(model):
    long = [{"role": "user", "content": "word " * (model.context + 1)}]
    lost, fine = model.answer([long, CONVERSATIONS[0]], Decoding(4))
    assert "do not fit the context" in lost.error
    assert fine.error is None and fine.text


def test_the_batch_is_halved_when_memory_runs_out(model):
    class Small(LocalTaskModel):
        def _batch(self, prompts, decoding):
            if len(prompts) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super()._batch(prompts, decoding)

    small = Small(model.model, model.tokenizer, model.identity, batch_size=16)
    texts = [[answer.text for answer in each.answer(CONVERSATIONS, Decoding(6))] for each in (model, small)]
    assert texts[0] == texts[1]
    assert small.batch_size == 2


def test_memory_that_does_not_suffice_for_one_row_is_a_failed_run(model):
    class Tiny(LocalTaskModel):
        def _batch(self, prompts, decoding):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        Tiny(model.model, model.tokenizer, model.identity).answer(CONVERSATIONS, Decoding(6))


@pytest.mark.parametrize("quantization", ["4bit", "8bit"])
def test_a_quantised_model_answers_on_this_machine(quantization, tmp_path):
    pytest.importorskip("bitsandbytes")
    small = load_task_model(TaskModelConfig(id=str(save_tiny_llama(tmp_path)), quantization=quantization))
    assert small.identity["quantization"] == quantization
    assert all(answer.error is None for answer in small.answer(CONVERSATIONS[:4], Decoding(8)))


@pytest.mark.skipif(torch.accelerator.is_available(), reason="a limit of the CPU")
def test_layers_that_4bit_cannot_pack_on_a_cpu_are_told_before_anything_runs(tmp_path):
    pytest.importorskip("bitsandbytes")
    with pytest.raises(ModelError, match="96 wide, and 4bit on a CPU needs multiples of 64: use quantization=8bit"):
        load_task_model(TaskModelConfig(id=str(save_tiny_llama(tmp_path, 96)), quantization="4bit"))


def test_a_model_without_a_chat_template_reads_plain_text_and_answers_one_line(tmp_path, model):
    tokenizer = AutoTokenizer.from_pretrained(str(nano.path("nano-a")))
    tokenizer.chat_template = None
    base = LocalTaskModel(model.model, tokenizer, model.identity)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    assert base.render(messages) == "Be brief.\n\nHello\n"
    assert all("\n" not in answer.text for answer in base.answer(CONVERSATIONS, Decoding(20)))


def test_a_template_that_refuses_system_messages_gets_them_in_the_first_turn(model):
    tokenizer = AutoTokenizer.from_pretrained(str(nano.path("nano-a")))
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}{% endfor %}"
    )
    base = LocalTaskModel(model.model, tokenizer, model.identity)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    assert base.render(messages) == "<user>Be brief.\n\nHello"


def test_a_folder_is_known_by_its_content(tmp_path, model):
    for name in ("one", "two"):
        model.model.save_pretrained(tmp_path / name)
        model.tokenizer.save_pretrained(tmp_path / name)
    (tmp_path / "two" / "generation_config.json").write_text("{}")
    one, two = (load_task_model(TaskModelConfig(id=str(tmp_path / name))).identity for name in ("one", "two"))
    assert one["revision"] != two["revision"]


def test_a_real_checkpoint_without_a_chat_template_answers(shared):
    stories = load_task_model(TaskModelConfig(id=str(shared / "models" / "stories260k")))
    answers = stories.answer(CONVERSATIONS[:3], Decoding(10))
    assert all(answer.error is None and "\n" not in answer.text for answer in answers)


def write_bert(folder):
    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=20)
    BertForMaskedLM(config).save_pretrained(folder)


def write_coded(folder):
    config = LlamaConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=20)
    LlamaForCausalLM(config).save_pretrained(folder)
    path = folder / "config.json"
    settings = json.loads(path.read_text())
    settings["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    settings["model_type"] = "evil"
    path.write_text(json.dumps(settings))
    (folder / "evil.py").write_text("raise SystemExit('this must never run')")


def write_empty(folder):
    folder.mkdir()


def write_damaged(folder):
    config = LlamaConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=20)
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(str(nano.path("nano-a"))).save_pretrained(folder)
    (folder / "model.safetensors").write_bytes(b"no weights")


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (write_bert, "is a BertForMaskedLM, not a causal LM"),
        (write_coded, "brings its own code: set task_model.trust_remote_code=true"),
        (write_empty, "cannot be loaded|is not a causal LM"),
        (write_damaged, "is damaged"),
    ],
)
def test_a_folder_that_is_no_usable_model_is_told_in_one_line(write, says, tmp_path):
    write(tmp_path / "model")
    with pytest.raises(ModelError, match=says) as error:
        load_task_model(TaskModelConfig(id=str(tmp_path / "model")))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"id": "./nowhere"}, ModelError, "there is no such folder"),
        ({"id": "nobody/nothing"}, ModelError, "model 'nobody/nothing' "),
        ({"dtype": "int4"}, ConfigError, "dtype: expected one of auto"),
        ({"quantization": "2bit"}, ConfigError, "quantization: expected 4bit, 8bit or null"),
        ({"device": "abacus"}, ConfigError, "'abacus' cannot be used"),
        ({"backend": "remote"}, ConfigError, "task model backend 'remote' is not known"),
    ],
)
def test_a_model_that_cannot_be_had_is_told_in_one_line(settings, error, says):
    with pytest.raises(error, match=says) as raised:
        load_task_model(TaskModelConfig(**settings))
    assert "\n" not in str(raised.value)


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path):
    save_tiny_llama(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3, "layer_types": None}))
    with pytest.raises(ModelError, match="lacks weights, e.g. model.layers.2"):
        load_task_model(TaskModelConfig(id=str(tmp_path)))


@pytest.mark.parametrize("template", ["{% for m in messages %}", "{{ messages[0].nothing.more }}", "{{ 1 / 0 }}"])
def test_a_broken_chat_template_is_told_when_the_model_is_loaded(template, tmp_path):
    save_tiny_llama(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(template)
    with pytest.raises(ModelError) as error:
        load_task_model(TaskModelConfig(id=str(tmp_path)))
    assert "\n" not in str(error.value)
