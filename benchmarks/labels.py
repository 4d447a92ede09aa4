"""Put the names of the same regions side by side, without saying whose they are: ours, BERTopic's, embedding-atlas's.

    python benchmarks/labels.py sheet ATLAS SHEET.json --bertopic PYTHON --embedding-atlas SITE-PACKAGES
    python benchmarks/labels.py score SHEET.json MARKS.json

All three name the same regions of one map, so that only the naming differs.  BERTopic gets them as its topics (manual
topic modelling, c-TF-IDF with the settings of its best practices); embedding-atlas's own worker, from its package,
gets them as rectangles.  `sheet` draws fifty regions evenly from all levels and writes their titles with the names in
random order, all in the same spelling, and, in SHEET.key.json, whose each is.  A reader marks each name with 2 (says
what the articles share), 1 (says it of a part, or too widely) or 0 (misleads or says nothing): {"0": [2, 1, 0], ...}.
"""

import argparse
import json
import random
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from knowscape.atlas import Atlas, open_atlas

REGIONS, TITLES = 50, 12

BERTOPIC = """
import json, sys
from bertopic import BERTopic
from bertopic.backend import BaseEmbedder
from bertopic.cluster import BaseCluster
from bertopic.dimensionality import BaseDimensionalityReduction
from bertopic.vectorizers import ClassTfidfTransformer
from sklearn.feature_extraction.text import CountVectorizer
given = json.load(open(sys.argv[1]))
names = []
for own in given["levels"]:
    model = BERTopic(
        embedding_model=BaseEmbedder(), umap_model=BaseDimensionalityReduction(), hdbscan_model=BaseCluster(),
        vectorizer_model=CountVectorizer(stop_words="english", min_df=2, ngram_range=(1, 2)),
        ctfidf_model=ClassTfidfTransformer(reduce_frequent_words=True),
    )
    model.fit_transform(given["texts"], y=own)
    place = {old: new for old, new in model.topic_mapper_.get_mappings().items()}
    names.append([" ".join(word + "," for word, _ in model.get_topic(place[n])[:4]) for n in range(max(own) + 1)])
json.dump(names, open(sys.argv[2], "w"))
"""

# The worker of embedding-atlas answers messages; here it gets them from this process.
EMBEDDING_ATLAS = """
import { readFileSync, writeFileSync } from "node:fs";
const [given, out, worker] = process.argv.slice(2);
const { levels, texts } = JSON.parse(readFileSync(given, "utf8"));
const waiting = new Map();
globalThis.onmessage = null;
globalThis.postMessage = (m) => waiting.get(m.id)?.(m.payload);
await import(worker);
let count = 0;
const call = (name, ...payload) =>
  new Promise((done) => {
    const id = `${count++}`;
    waiting.set(id, done);
    globalThis.onmessage({ data: { id, name, payload } });
  });
const names = [];
for (const own of levels) {
  const size = Math.max(...own) + 1, side = Math.ceil(Math.sqrt(size));
  const at = (region) => [region % side, Math.floor(region / side)];
  const regions = Array.from({ length: size }, (_, region) => {
    const [x, y] = at(region);
    return [{ xMin: x + 0.3, xMax: x + 0.7, yMin: y + 0.3, yMax: y + 0.7 }];
  });
  const summarizer = await call("textSummarizerCreate", { regions, stopWords: null });
  const places = own.map(at);
  const [x, y] = [0, 1].map((axis) => places.map((place) => place[axis] + 0.5));
  await call("textSummarizerAdd", summarizer, { x, y, text: texts });
  names.push((await call("textSummarizerSummarize", summarizer)).map((words) => words.join(", ")));
}
writeFileSync(out, JSON.stringify(names));
"""


def named_by(command: list[str], script: str, suffix: str, given: Path, *more: str) -> list[list[str]]:
    """Run a peer's script on the regions and return its names by level."""
    program, out = given.with_suffix(suffix), given.with_suffix(f"{suffix}.names")
    program.write_text(script, encoding="utf-8")
    done = subprocess.run([*command, str(program), str(given), str(out), *more], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    names: list[list[str]] = json.loads(out.read_text(encoding="utf-8"))
    return names


def names_of(atlas: Atlas, arguments: argparse.Namespace) -> dict[str, list[list[str]]]:
    """Return everybody's names of the regions of every level."""
    made, documents = atlas.map(), atlas.documents()
    folder = Path(tempfile.mkdtemp(prefix="labels-"))
    given, worker = folder / "given.json", folder / "worker.mjs"
    texts = [f"{title}. {text}" for title, text in zip(documents.titles, documents.texts, strict=True)]
    levels = [level.tolist() for level in made.regions.membership.T]
    given.write_text(json.dumps({"levels": levels, "texts": texts}), encoding="utf-8")
    theirs = next(arguments.embedding_atlas.glob("embedding_atlas/static/assets/clustering.worker-*.js"))
    worker.write_bytes(theirs.read_bytes())
    return {
        "Knowscape": [[region.label for region in level] for level in made.regions.levels],
        "BERTopic": named_by([arguments.bertopic], BERTOPIC, ".py", given),
        "embedding-atlas": named_by([arguments.node], EMBEDDING_ATLAS, ".mjs", given, str(worker)),
    }


def plain(name: str) -> str:
    """Return a name as nobody's in particular: small letters, commas between its parts."""
    return ", ".join(part.strip() for part in re.split(r"[,&]", name.lower()) if part.strip())


def drawn(sizes: list[int], chance: random.Random) -> list[tuple[int, int]]:
    """Return so many regions, none twice, as evenly from the levels as their sizes allow; levels from 0."""
    found: list[tuple[int, int]] = []
    for level, size in enumerate(sizes):
        wanted = (REGIONS - len(found)) // (len(sizes) - level)
        found += [(level, region) for region in chance.sample(range(size), min(size, wanted))]
    return found


def sheet(arguments: argparse.Namespace) -> None:
    atlas, chance = open_atlas(arguments.atlas), random.Random(arguments.seed)
    names, made, titles = names_of(atlas, arguments), atlas.map(), atlas.documents().titles
    levels = made.regions.levels
    shown, key = [], []
    for level, region in drawn([len(regions) for regions in levels], chance):
        members = np.flatnonzero(made.regions.membership[:, level] == region).tolist()
        makers = chance.sample(sorted(names), len(names))
        some = [titles[row] for row in chance.sample(members, min(TITLES, len(members)))]
        shown.append(
            {"titles": some, "articles": len(members), "names": [plain(names[m][level][region]) for m in makers]}
        )
        key.append({"level": level + 1, "region": region, "makers": makers})
    arguments.sheet.write_text(json.dumps(shown, ensure_ascii=False, indent=1), encoding="utf-8")
    arguments.sheet.with_suffix(".key.json").write_text(json.dumps(key, indent=1), encoding="utf-8")


def score(arguments: argparse.Namespace) -> None:
    key = json.loads(arguments.sheet.with_suffix(".key.json").read_text(encoding="utf-8"))
    marks = json.loads(arguments.marks.read_text(encoding="utf-8"))
    got: dict[str, list[int]] = {}
    wins: dict[str, float] = {}
    for number, one in enumerate(key):
        given = dict(zip(one["makers"], marks[str(number)], strict=True))
        best = [maker for maker, mark in given.items() if mark == max(given.values())]
        for maker, mark in given.items():
            got.setdefault(maker, []).append(mark)
            wins[maker] = wins.get(maker, 0) + (maker in best) / len(best)
    for maker, marked in sorted(got.items(), key=lambda item: -sum(item[1])):
        counts = ", ".join(f"{marked.count(mark)} x {mark}" for mark in (2, 1, 0))
        print(f"{maker:16} mean {np.mean(marked):.2f}   {counts}   best, ties shared: {wins[maker]:.1f} of {len(key)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("sheet")
    make.add_argument("atlas", type=Path)
    make.add_argument("sheet", type=Path)
    make.add_argument("--bertopic", default="python", help="the Python of an environment with BERTopic")
    make.add_argument("--embedding-atlas", type=Path, required=True, help="the site-packages that hold embedding-atlas")
    make.add_argument("--node", default="node", help="Node.js 22 or later")
    make.add_argument("--seed", type=int, default=0)
    make.set_defaults(run=sheet)
    tally = commands.add_parser("score")
    tally.add_argument("sheet", type=Path)
    tally.add_argument("marks", type=Path)
    tally.set_defaults(run=score)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
