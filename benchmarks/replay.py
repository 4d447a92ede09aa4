"""Whether chosen questions tell more than random ones of what real learners answer to the others.

    python benchmarks/replay.py RESPONSES QUESTIONS [--splits 10] [--among 1]

Each learner's answers are split in three parts, many times over: questions are chosen out of two of them, by expected
gain (with `--among` > 1 chance decides among the best) or in four random orders, and after each the third part is
predicted; each part is held out in turn.  Printed is the log-loss and the area under the curve by number of questions,
and the difference between chosen and random, the mean of 3 to 20 questions, with 95 % intervals from a bootstrap over
the learners.  Cold, nothing is known of the questions but their texts; warm, their parameters are fitted to the other
learners' answers.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.load import load_encoder
from knowscape.quiz.estimate import Item, Knowledge, Response
from knowscape.quiz.evaluate import scores_of
from knowscape.quiz.items import LogisticModel, fit_items, text_items
from knowscape.quiz.questions import part_texts, read_questions
from knowscape.quiz.responses import read_responses
from knowscape.quiz.select import expected_gains
from knowscape.quiz.topics import Topics

Array = NDArray[np.float64]
# What was held out, bool[n], and its predicted chances float64[1 + ORDERS, 1 + MOST, n], the chosen questions' first.
Replayed = tuple[NDArray[np.bool_], Array]
# Which of the questions left of the bank comes next.
Ask = Callable[[Knowledge, list[int]], int]
REGIMES: tuple[LogisticModel | None, ...] = ("1PL", "3PL", None)
PARTS, ORDERS, MOST, SHOWN, FIRST, RESAMPLES = 3, 4, 20, (0, 3, 5, 10, 15, 20), 3, 300


def replayed(
    topics: Topics, items: list[Item], told: dict[int, bool], *, random: np.random.Generator, splits: int, among: int
) -> Replayed:
    """Replay one learner's answers."""
    rights, chances = [], []
    for _ in range(splits):
        parts = np.array_split(random.permutation(list(told)), PARTS)
        for number, part in enumerate(parts):
            bank = np.concatenate([other for place, other in enumerate(parts) if place != number]).tolist()
            held = part.tolist()
            orders = [iter(random.permutation(bank).tolist()) for _ in range(ORDERS)]
            ways: list[Ask] = [
                by_gain(topics, held, among, random),
                *(lambda known, left, order=order: next(order) for order in orders),
            ]
            rights += [told[question] for question in held]
            chances.append([predictions(topics, items, told, bank=bank, held=held, ask=ask) for ask in ways])
    return np.array(rights), np.concatenate(chances, axis=2)


def by_gain(topics: Topics, held: list[int], among: int, random: np.random.Generator) -> Ask:
    """Choose by what is expected to be learnt of what is held out."""
    weights = np.zeros(sum(topics.sizes))
    weights[held] = 1 / len(held)

    def ask(known: Knowledge, left: list[int]) -> int:
        best = np.argsort(-expected_gains(known, weights)[left], kind="stable")[:among]
        return left[random.choice(best)]

    return ask


def predictions(
    topics: Topics, items: list[Item], told: dict[int, bool], *, bank: list[int], held: list[int], ask: Ask
) -> list[list[float]]:
    """Predict what is held out after each question."""
    seen, chances = list[int](), []
    for _ in range(MOST + 1):
        known = Knowledge(topics, [Response(question, told[question]) for question in seen], items)
        chances.append([known.predict(question) for question in held])
        left = [question for question in bank if question not in seen]
        if left:
            seen.append(ask(known, left))
    return chances


def loss(right: NDArray[np.bool_], chances: Array) -> float:
    return -float(np.log(np.clip(np.where(right, chances, 1 - chances), 1e-6, 1)).mean())


def area(right: NDArray[np.bool_], chances: Array) -> float:
    return scores_of(right, chances)["auc"]


def compare(name: str, score: Callable[[NDArray[np.bool_], Array], float], found: list[Replayed]) -> None:
    """Print a score by number of questions, chosen and random, and their difference."""

    def curves(learners: NDArray[np.int64]) -> Array:
        right = np.concatenate([found[learner][0] for learner in learners])
        chances = np.concatenate([found[learner][1] for learner in learners], axis=2)
        ways = np.array([[score(right, chance) for chance in way] for way in chances])
        return np.array([ways[0], ways[1:].mean(axis=0)])

    random, count = np.random.default_rng(0), len(found)
    whole = curves(np.arange(count))
    for way, which in zip(whole, ("chosen", "random"), strict=True):
        print(f"   {name:<9}{which:<8}" + " ".join(f"{way[asked]:.4f}" for asked in SHOWN))
    again = [curves(random.integers(0, count, count)) for _ in range(RESAMPLES)]
    gains = [float((chosen - chance)[FIRST:].mean()) for chosen, chance in (whole, *again)]
    low, high = np.percentile(gains[1:], [2.5, 97.5])
    print(f"   {name} of chosen less random questions: {gains[0]:+.4f} [{low:+.4f}, {high:+.4f}]", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("responses", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--among", type=int, default=1)
    arguments = parser.parse_args()
    encoder, questions = load_encoder(), read_questions(arguments.questions)
    answers = read_responses(arguments.responses, [question.id for question in questions])
    topics = Topics.of(encoder.encode_documents([question.embedding_text for question in questions]))
    cold = text_items(questions, encoder.encode_documents(part_texts(questions)))
    guess = np.array([question.guess for question in questions])
    for model in REGIMES:
        found = []
        for learner in range(len(answers.learners)):
            rows, items = np.flatnonzero(answers.learner == learner), list(cold)
            if model is not None:
                fitted = fit_items(*answers.without(learner).by_person(len(questions)), guess, model=model)
                for row in rows:
                    items[answers.question[row]] = fitted.of(int(answers.sitting[row]))[answers.question[row]]
            told = dict(zip(answers.question[rows].tolist(), answers.right[rows].tolist(), strict=True))
            random = np.random.default_rng(learner)
            settings = {"splits": arguments.splits, "among": arguments.among}
            found.append(replayed(topics, items, told, random=random, **settings))
        print(f"{f'warm, {model}' if model else 'cold'}: after {', '.join(map(str, SHOWN))} questions")
        compare("log-loss", loss, found)
        compare("AUC", area, found)


if __name__ == "__main__":
    main()
