"""The whole of fine-tuning: examples, held-out ones, hard negatives, training, scores, a folder with a model.

While it runs there is a folder beside the model's, `<model>.training`: the plan, the mined negatives and the newest
checkpoint.  The same command goes on from there; when the model is whole it is renamed into place.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from knowscape.corpus.readers import read_corpus
from knowscape.encoders.catalogue import DEFAULT_MODEL
from knowscape.encoders.configuration import engine_of, read_spec
from knowscape.encoders.load import EngineOptions, find_model, start_encoder
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.transformer import available_devices
from knowscape.encoders.vectors import SIMILARITIES
from knowscape.errors import UsageError
from knowscape.files import digest_file, make_folder, storing, sync_folder, sync_tree, write_atomic, write_json
from knowscape.finetune.card import model_card
from knowscape.finetune.checkpoints import Checkpoints
from knowscape.finetune.examples import Examples, groups_of, hold_out, read_examples, without_texts_of
from knowscape.finetune.mining import mine_negatives, with_negatives
from knowscape.finetune.options import FinetuneOptions
from knowscape.finetune.scores import compare
from knowscape.finetune.training import Trainer
from knowscape.progress import SILENT, Progress
from knowscape.store.lock import locked
from knowscape.store.signed import read_signed, write_signed

__all__ = ["RECORD", "Runner", "Sources", "finetune"]

RECORD = "finetune.json"
_PLAN, _MINED, _MODEL, _CHECKPOINTS = "plan.json", "negatives.json", "model", "checkpoints"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the examples are; those to score with, where a file has them; a corpus to mine hard negatives from."""

    examples: Path
    held_out: Path | None = None
    corpus: str | None = None


@dataclass(frozen=True, slots=True)
class Runner:
    """What does not decide the result: the device, and the seconds between checkpoints."""

    device: str = "auto"
    checkpoint_every: float = 120.0


def finetune(
    sources: Sources,
    out: Path,
    *,
    model: str = DEFAULT_MODEL,
    options: FinetuneOptions = FinetuneOptions(),
    runner: Runner = Runner(),
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Train a model of the catalogue, of the hub or of a folder on examples, and put it into the folder `out`.

    Returns what `out`/finetune.json says: the plan, counts, seconds, the fingerprint, and the comparison of before and
    after on held-out examples, by which nothing is chosen.  A run that was ended goes on, a finished one is not
    repeated.  Raises UsageError for data, options, models and folders that do not fit, MissingExtraError without the
    extra `torch`, DamageError for a damaged checkpoint.
    """
    available_devices()
    spec, folder = find_model(model, progress=progress)
    _refuse_untrainable(spec, folder)
    examples = read_examples(sources.examples)
    if sources.corpus and examples.kind != "pairs":
        raise UsageError(
            f"Negatives are mined for pairs; {sources.examples} holds {examples.kind}. Leave out --corpus."
        )
    options.loss_for("triplets" if sources.corpus else examples.kind)
    options.dimensions(spec.dimension)
    corpus = read_corpus(sources.corpus, progress=progress) if sources.corpus else None
    plan = _plan(model, spec, options, sources=sources, corpus=corpus.digest if corpus else None)
    if out.exists():
        return _finished(out, plan)
    work = out.with_name(out.name + ".training")
    make_folder(work)
    with locked(work / ".lock"):
        _agree(work, plan)
        run = _Run(spec, folder, options, runner, work, progress)
        training, held = run.sides(examples, sources.held_out)
        if corpus:
            training = run.with_mined(training, held, corpus.texts)
        record = {"plan": plan, **run.train(training), **run.score(held, out.name)}
        _put(work, out, record)
    return record


@dataclass(frozen=True, slots=True)
class _Run:
    """One run: its stages, each of which leaves in `work` what the same command goes on from."""

    spec: EncoderSpec
    folder: Path
    options: FinetuneOptions
    runner: Runner
    work: Path
    progress: Progress

    def sides(self, examples: Examples, file: Path | None) -> tuple[Examples, Examples]:
        """Return the examples to train on and those to score with, which have no text in common."""
        if file is None:
            return hold_out(examples, self.options.held_out, self.options.seed)
        held = read_examples(file)
        if groups_of(held.items).max() == 0:
            raise UsageError(f"The examples in {file} all hang together by texts they share; no interval can be told.")
        training = without_texts_of(examples, held)
        if lost := len(examples) - len(training):
            self.progress.note(f"{lost:,} examples share a text with those in {file}; they are not trained on.")
        return training, held

    def with_mined(self, training: Examples, held: Examples, corpus: Sequence[str]) -> Examples:
        """Return triplets, of negatives that were mined before or are mined now; no held-out text is one."""
        path = self.work / _MINED
        if not path.is_file():
            encoder = self._encoder(self.spec, self.folder)
            never = [text for item in held.items for text in (item.anchor, item.positive)]
            mined = mine_negatives(encoder, training.items, corpus, self.options, never=never, progress=self.progress)
            encoder.close()
            write_signed(path, {"negatives": mined})
        mined = read_signed(path)["negatives"]
        without = sum(not negatives for negatives in mined)
        if without:
            self.progress.note(f"For {without:,} of {len(mined):,} pairs the corpus has no negative within the margin.")
        return Examples("triplets", with_negatives(training.items, mined))

    def train(self, training: Examples) -> dict[str, Any]:
        """Train, save the model into `work`, and return what is to be said of it."""
        loss = self.options.loss_for(training.kind)
        items = tuple(item for item in training.items if item.negative or loss != "triplet")
        trainer = Trainer(
            self.spec, self.folder, Examples(training.kind, items), self.options, device=self.runner.device
        )
        checkpoints = Checkpoints(self.work / _CHECKPOINTS, self.runner.checkpoint_every)
        trainer.run(checkpoints, progress=self.progress)
        shutil.rmtree(self.work / _MODEL, ignore_errors=True)
        trainer.save(self.work / _MODEL)
        return {
            "kind": training.kind, "trained": len(items), "loss": loss, "steps": trainer.steps,
            "device": trainer.device, "seconds": round(trainer.seconds, 1),
            "matryoshka": list(self.options.dimensions(self.spec.dimension)) if self.options.matryoshka else [],
        }  # fmt: skip

    def score(self, held: Examples, name: str) -> dict[str, Any]:
        """Return the comparison of the saved model, through the engine that will run it, with its base."""
        spec = read_spec(self.work / _MODEL, name=name)
        before, after = self._encoder(self.spec, self.folder), self._encoder(spec, self.work / _MODEL)
        scores = compare(
            before, after, held,
            dimensions=self.options.matryoshka, seed=self.options.seed, progress=self.progress,
        )  # fmt: skip
        before.close()
        after.close()
        return {
            "held_out": len(held), "scores": [one.to_json() for one in scores], "improved": scores[0].improved,
            "fingerprint": spec.fingerprint, "dimension": spec.dimension,
        }  # fmt: skip

    def _encoder(self, spec: EncoderSpec, folder: Path) -> Encoder:
        return start_encoder(spec, folder, EngineOptions(self.runner.device))


def _refuse_untrainable(spec: EncoderSpec, folder: Path) -> None:
    if engine_of(folder) == "static":
        raise UsageError(
            f"{spec.name} is a table of word vectors, which is not trained here. Take a transformer: --model"
        )
    if spec.similarity not in SIMILARITIES:
        raise UsageError(
            f"{spec.name} compares by {spec.similarity!r}. Accepted for training: {', '.join(SIMILARITIES)}."
        )


def _plan(
    model: str, spec: EncoderSpec, options: FinetuneOptions, *, sources: Sources, corpus: str | None
) -> dict[str, Any]:
    """Return all that decides the result, as JSON."""
    plan = {
        "model": model, "base": spec.fingerprint, "options": asdict(options),
        "examples": digest_file(sources.examples),
        "held_out": digest_file(sources.held_out) if sources.held_out else None,
        "corpus": corpus,
    }  # fmt: skip
    as_json: dict[str, Any] = json.loads(json.dumps(plan))
    return as_json


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return in words where two plans differ; the same model may have two names."""
    flat = [{**plan, **plan["options"], "options": None, "model": None} for plan in (one, other)]
    return "; ".join(f"{name} {flat[0].get(name)}, not {flat[1][name]}" for name in flat[1]
                     if flat[0].get(name) != flat[1][name])  # fmt: skip


def _agree(work: Path, plan: Mapping[str, Any]) -> None:
    """Write the plan, or raise UsageError where the folder is of a run with another one."""
    path = work / _PLAN
    if not path.is_file():
        write_signed(path, {"plan": plan})
    elif said := _differences(read_signed(path)["plan"], plan):
        raise UsageError(
            f"{work} is of a run that was not finished, with {said}. Delete it, or name another folder with: -o"
        )


def _finished(out: Path, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a model that is there; UsageError where it is not the one that is asked for."""
    path = out / RECORD
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    said = _differences(record["plan"], plan) if record else f"no {RECORD}"
    if said:
        raise UsageError(f"{out} is there already, with {said}. Delete it, or name another folder with: -o")
    return record


def _put(work: Path, out: Path, record: Mapping[str, Any]) -> None:
    """Complete the model's folder, rename it into place, and remove what it was made with."""
    model = work / _MODEL
    write_json(model / RECORD, record)
    card = model_card(out.name, record).encode()
    write_atomic(model / "README.md", lambda file: file.write(card))
    with storing(out):
        sync_tree(model)
        model.rename(out)
        sync_folder(out.parent)
    shutil.rmtree(work, ignore_errors=True)
