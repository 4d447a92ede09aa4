"""An atlas against a dictionary: whatever is done to it, in whatever order, it holds what the dictionary says.

Documents are added, edited and removed, embedded, merged with others; a run dies at any of its syncs, links or renames;
files are damaged, checked and repaired.  Vectors come from a small static model, so the right ones are always known.
"""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drill import WORDS, make_model
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from numpy.typing import NDArray

from knowscape.atlas import Atlas, open_atlas
from knowscape.build import embed_corpus, put_corpus
from knowscape.corpus.document import Corpus, Document
from knowscape.embedding import EmbedOptions
from knowscape.encoders.load import load_encoder
from knowscape.encoders.spec import Encoder
from knowscape.errors import DamageError
from knowscape.files import sha256_text
from knowscape.merge.objections import MergeRefusedError
from knowscape.merge.run import merge
from knowscape.repair import repair
from knowscape.store.atlas import AtlasFolder
from knowscape.store.vectors import VectorStore

IDS = st.sampled_from([f"d{n}" for n in range(12)])
TEXTS = st.lists(st.sampled_from(WORDS[:8]), min_size=1, max_size=3).map(" ".join)
DYING = ("fsync", "link", "replace", "rename")
OPTIONS = EmbedOptions(cache=False)


def as_corpus(documents: dict[str, str]) -> Corpus:
    return Corpus.from_documents([Document(id, text, id) for id, text in documents.items()])


def embed_all(folder: AtlasFolder, documents: dict[str, str], model: Path) -> int:
    """Put the documents in, embed what has no vector, and return how many texts that were."""
    put_corpus(folder, as_corpus(documents))
    return embed_corpus(Atlas(folder), str(model), OPTIONS).computed


def die_at(moment: int) -> None:
    """End this process without a word at its n-th sync, link or rename."""
    left = [moment]

    def counted(call: Any) -> Any:
        def instead(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            return call(*arguments, **options)

        return instead

    for name in DYING:
        setattr(os, name, counted(getattr(os, name)))


class AtlasAgainstDictionary(RuleBasedStateMachine):
    """`documents` is what the user has, `stored` what the atlas's corpus may be, `done` the texts that have vectors."""

    model: Path
    encoder: Encoder
    counts: Counter[str]

    @initialize(documents=st.dictionaries(IDS, TEXTS, min_size=1))
    def begin(self, documents: dict[str, str]) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="knowscape-"))
        self.folder = AtlasFolder.create(self.place / "0.atlas")
        self.documents, self.done, self.harmed = documents, set[str](), False
        self.stored: list[dict[str, str]] = [{}]

    def teardown(self) -> None:
        if hasattr(self, "place"):
            shutil.rmtree(self.place)

    def store(self) -> VectorStore:
        return self.folder.vectors(self.encoder.spec.name, self.encoder.spec.fingerprint)

    @rule(id=IDS, text=TEXTS)
    def add_or_edit(self, id: str, text: str) -> None:
        self.documents[id] = text

    @precondition(lambda self: len(self.documents) > 1)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        del self.documents[data.draw(st.sampled_from(sorted(self.documents)))]

    @precondition(lambda self: not self.harmed)
    @rule()
    def embed(self) -> None:
        missing = set(self.documents.values()) - self.done
        assert embed_all(self.folder, self.documents, self.model) == len(missing)
        self.stored, self.done = [dict(self.documents)], self.done | missing
        self.counts["embedded"] += 1

    @precondition(lambda self: not self.harmed)
    @rule(moment=st.integers(1, 40))
    def embed_and_die(self, moment: int) -> None:
        child = os.fork()
        if child == 0:
            try:
                die_at(moment)
                embed_all(self.folder, self.documents, self.model)
            finally:
                os._exit(0)
        died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        self.stored = [*self.stored, dict(self.documents)] if died else [dict(self.documents)]
        texts = {sha256_text(text): text for text in self.documents.values()}
        now = {texts[digest] for digest in self.store().done() if digest in texts}
        assert died or now == set(self.documents.values())
        self.done |= now
        self.counts["died" if died else "lived"] += 1

    @precondition(lambda self: self.done and not self.harmed)
    @rule(which=st.integers(0), bit=st.integers(0))
    def damage(self, which: int, bit: int) -> None:
        """Flip one bit of record: reading must refuse it or be none the wiser, the full check must name it."""
        files = sorted(path for path in self.store().parts.folder.iterdir() if path.suffix in {".parquet", ".json"})
        path = files[which % len(files)]
        content = bytearray(path.read_bytes())
        content[bit // 8 % len(content)] ^= 1 << bit % 8
        path.write_bytes(content)
        self.harmed = True
        self.counts["damaged"] += 1

    @precondition(lambda self: self.stored[0] and len(self.stored) == 1)
    @rule()
    def mend(self) -> None:
        done = repair(self.folder.path, models=[str(self.model)], embedding=OPTIONS)
        assert done.faults == []
        self.counts["repaired" if self.harmed else "repaired, though whole"] += 1
        self.done &= {text for text in self.done if sha256_text(text) in self.store().done()} | set(
            self.stored[0].values()
        )
        self.harmed = False

    @precondition(lambda self: len(self.stored) == 1 and set(self.stored[0].values()) <= self.done and not self.harmed)
    @rule(others=st.dictionaries(st.sampled_from([f"e{n}" for n in range(4)]), TEXTS, min_size=1))
    def merge_with(self, others: dict[str, str]) -> None:
        number = len(list(self.place.glob("*.atlas")))
        other = AtlasFolder.create(self.place / f"{number}.atlas")
        embed_all(other, others, self.model)
        out = self.place / f"{number + 1}.atlas"
        before = self.stored[0]
        merged = {**before, **others}
        if any(before.get(id, text) != text for id, text in others.items()):
            with pytest.raises(MergeRefusedError, match="duplicate id"):
                merge([self.folder.path, other.path], out)
            self.counts["merge refused"] += 1
            return
        self.counts["merged"] += 1
        merge([self.folder.path, other.path], out)
        self.folder, self.documents, self.stored = AtlasFolder.open(out), dict(merged), [merged]
        self.done = set(merged.values())

    @invariant()
    def holds(self) -> None:
        """What is read is what was put in, to the byte."""
        if not hasattr(self, "folder"):
            return
        faults = [fault for fault in open_atlas(self.folder.path).check(full=True) if fault.kind == "damaged"]
        if self.harmed:
            assert faults
        else:
            assert not faults
        table = self.folder.corpus.read()
        held = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)) if table is not None else {}
        assert held in self.stored
        try:
            done = self.store().done()
        except DamageError:
            assert self.harmed
            return
        assert {sha256_text(text) for text in self.done} <= done or self.harmed
        have = [text for text in sorted(self.done) if sha256_text(text) in done]
        if have:
            np.testing.assert_array_equal(self.store().read([sha256_text(text) for text in have]), self.right(have))

    def right(self, texts: list[str]) -> NDArray[np.float32]:
        return np.stack([self.encoder.encode_documents([text])[0] for text in texts])


@pytest.mark.parametrize("examples", [8, pytest.param(300, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])])
def test_an_atlas_holds_what_a_dictionary_does(tmp_path: Path, examples: int) -> None:
    machine = AtlasAgainstDictionary
    machine.model, machine.counts = make_model(tmp_path / "tiny"), Counter()
    machine.encoder = load_encoder(str(machine.model))
    sizes = settings(
        max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=sizes)
    print(f"\n{examples} histories: {dict(machine.counts)}")
    assert {"embedded", "died", "damaged", "repaired", "merged"} <= set(machine.counts) or examples < 100
