"""The sample model's tokenizer, and some of other kinds, trained on a few sentences: they cut most words."""

from typing import Any

from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.positions import uncut
from knowscape.encoders.weights import fetch_weights

TRAINED_ON = [
    "The sun is a star, and the moon is a rock. Knowledge maps show where the known ends and the unknown begins.",
    "Die Sonne ist ein Stern. Le soleil est une étoile. 太阳是一颗恒星。",
    "Rivers carry water and sand to the sea; cells are the smallest units of life.",
] * 3


def wordpiece() -> Any:
    """Return the tokenizer of the sample model."""
    from tokenizers import Tokenizer

    return uncut(Tokenizer.from_file(str(fetch_weights(entry(DEFAULT_MODEL)) / "tokenizer.json")))


def byte_level(*, trim: bool = True) -> Any:
    """Return a byte-level BPE as GPT-2, RoBERTa (`trim`) and Qwen have it: a word's token begins with its space."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=trim)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, show_progress=False, special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(TRAINED_ON, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 1), ("<s>", 0), trim_offsets=trim, add_prefix_space=False
    )
    return tokenizer


def sentencepiece_like() -> Any:
    """Return a unigram model over compatibility forms as XLM-RoBERTa has it: a first space is added to every text."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=150, show_progress=False, special_tokens=["<s>", "</s>", "<unk>"], unk_token="<unk>"
    )
    tokenizer.train_from_iterator(TRAINED_ON, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $0 </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return tokenizer
