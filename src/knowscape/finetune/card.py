"""The README of a trained model: what was done, with what, and what it brought."""

from collections.abc import Mapping
from typing import Any

__all__ = ["figure", "model_card", "verdict"]


def verdict(record: Mapping[str, Any]) -> str:
    """Return in a sentence or two whether the model is better than its base on the held-out examples."""
    chief = record["scores"][0]
    difference = chief["difference"]
    value, low, high = (f"{difference[key]:+.3f}" for key in ("value", "low", "high"))
    change = f"{chief['measure']} {value}, 95 % {low} to {high}"
    if difference["low"] > 0:
        return f"Better than its base on held-out examples: {change}."
    if difference["high"] < 0:
        return f"WORSE than its base on held-out examples: {change}. Keep using {record['plan']['model']}."
    return (
        f"NOT shown to be better than its base on held-out examples: {change}. "
        "More examples, or more epochs, may show it."
    )


def model_card(name: str, record: Mapping[str, Any]) -> str:
    """Return the text of README.md, with the metadata that the hub reads."""
    plan, options = record["plan"], record["plan"]["options"]
    rows = [
        f"| {one['measure']} | {figure(one['before'])} | {figure(one['after'])} | {figure(one['difference'])} |"
        for one in record["scores"]
    ]
    matryoshka = ", ".join(map(str, record["matryoshka"]))
    lines = [
        "---", "library_name: sentence-transformers", "pipeline_tag: sentence-similarity", "tags:",
        "- sentence-transformers", "- feature-extraction", "---", "",
        f"# {name}", "",
        f"{plan['model']} (fingerprint {plan['base']:.16}), trained further on {record['trained']:,} examples "
        f"({record['kind']}) with the loss {record['loss']}: epochs {options['epochs']}, batches of "
        f"{options['batch_size']}, learning rate {options['learning_rate']:g}, seed {options['seed']}.", "",
        *([f"The first {matryoshka} numbers of a vector are vectors of their own.", ""] if matryoshka else []),
        verdict(record), "",
        f"On {record['held_out']:,} held-out examples, with 95 % intervals:", "",
        "| measure | before | after | difference |", "|---|---|---|---|", *rows, "",
        "All options, and the digests of the data, are in finetune.json. The licence is that of the base model and of "
        "the data.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def figure(interval: Mapping[str, float]) -> str:
    """Return a figure with its interval, as it stands in tables."""
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"
