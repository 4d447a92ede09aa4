"""Measure the page's estimate in Chromium: what an answer costs on a map of many articles, and how exact it is.

    python benchmarks/heat.py X.atlas QUESTIONS [--limit 100] [--answers 20]

The vectors of X.atlas are hung beside the first of QUESTIONS, at random places of the map.  Timed, by the page itself,
is all that lies between an answer and the new heat: the estimate, every article's mean and standard deviation, and the
field; and the choice of the next question.  Compared are the articles' means and deviations with the reference's, whose
weights are not rounded to 255ths.
"""

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np

from knowscape.atlas import open_atlas
from knowscape.encoders.load import load_encoder
from knowscape.page.build import build_page
from knowscape.page.payload import PayloadDocuments
from knowscape.quiz.estimate import Knowledge, Prior, Response, estimate
from knowscape.quiz.items import text_items
from knowscape.quiz.questions import read_questions
from knowscape.quiz.topics import HEIGHTS, Topics

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "page"))
from visitor import DESKTOP, chromium, served, visits, wait


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--answers", type=int, default=20)
    arguments = parser.parse_args()
    questions = read_questions(arguments.questions, limit=arguments.limit)
    vectors = load_encoder().encode_documents([question.embedding_text for question in questions])
    articles, items = open_atlas(arguments.atlas).vectors(), text_items(questions)
    topics = Topics.of(vectors)
    places, count = topics.attach(vectors, articles), len(articles)
    random = np.random.default_rng(0)
    where = random.random((count, 2), dtype=np.float32)
    names = [f"article {row}" for row in range(count)]
    rows = [
        {"id": question.id, "question": question.question, "options": list(question.options), "topic": None,
         "correctIndex": question.correct_index, "item": asdict(item), "x": float(x), "y": float(y), "source": None,
         "near": [0]}
        for question, item, (x, y) in zip(questions, items, random.random((len(questions), 2)), strict=True)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        share = {"mean": 0.5, "low": 0.4, "high": 0.6}
        tree = {"parents": [parent.tolist() for parent in topics.parents], "heights": HEIGHTS}
        build_page(
            Path(folder) / "page",
            head={
                "title": "Many", "model": "all-MiniLM-L6-v2", "created": "", "question_region": [0, 0, 1, 1],
                "quality": {"recall": {"10": share}, "question_overlap": None},
                "knowledge": {"tree": tree, "prior": asdict(Prior())},
            },
            documents=PayloadDocuments(names, names, names, names, names, np.zeros((count, 1), np.int32)),
            coordinates=where, recall=np.full(count, 0.5, np.float32), finest_region=np.zeros(count, np.int32),
            levels=[], questions=rows, places=places,
        )  # fmt: skip
        with served(Path(folder) / "page") as address, chromium() as browser, visits(browser, address) as visit:
            visitor = visit(reduced_motion="reduce", **DESKTOP)
            told = []
            for number in range(arguments.answers):
                asked = next(n for n, q in enumerate(questions) if q.id == visitor.state["question"])
                right = number % 3 > 0
                option = questions[asked].correct_index if right else (questions[asked].correct_index + 1) % 4
                visitor.press("ABCD"[option], "n")
                wait(lambda: visitor.state["answered"] == number + 1)  # noqa: B023 - asked at once
                told.append(Response(asked, right))
            for name in ("estimate", "choice"):
                spans = visitor.page.evaluate(f"performance.getEntriesByName('{name}').map(e => e.duration)")
                print(f"{name:<10} median {median(spans):.1f} ms, longest {max(spans):.1f} ms, of {len(spans)}")
            found = visitor.page.evaluate("(a => [[...a.mean], [...a.sd]])(window.knowscape.articles())")
    exact = estimate(Knowledge(topics, told, items), places)
    for name, ours, page in zip(("mean", "sd"), exact, np.array(found), strict=True):
        print(f"{name:<10} off by {np.abs(ours - page).max():.5f} at most, of {count:,} articles")


if __name__ == "__main__":
    main()
