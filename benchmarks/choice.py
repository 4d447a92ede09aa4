"""How many questions a good choice of the next one saves, on simulated readers and on real answers.

    python benchmarks/choice.py QUESTIONS [--readers 24] [--bank 400] [--most 40] [--design]

Four hundred of QUESTIONS are the bank, and up to a thousand others the places about which something is to be learnt.
Six kinds of readers with a known truth answer up to `--most` questions of the bank, chosen by expected gain or at
random, in four orders; one estimate serves both. The questions' difficulties have a standard deviation of 1.7 and are
known, as after a class has answered them (`--spread 0`: all the same). Printed is the error over the places, the root
mean square of estimated minus true probability of knowing, and which share of the questions the choice needs to reach
the error of random choice after 10, 20, 30 and 40; last, by how much its error is larger on average over all numbers of
questions. Intervals are of 95 %, from a bootstrap over the readers.

`--design` prints instead which share of random questions is needed where the questions are the best for the expected
variance, whatever the answers.

That is done twice: for a reader who wants to know of the whole map, and for one who wants to know of a region, the
tenth of the places that is nearest to one of them.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from knowscape.encoders.load import load_encoder
from knowscape.quiz.estimate import GRID, Item, Knowledge, Prior, Response, estimate
from knowscape.quiz.questions import read_questions
from knowscape.quiz.select import interest, next_question
from knowscape.quiz.topics import Places, Topics

Array = NDArray[np.float64]
# A reader's true knowledge in logits, of the bank's questions and of the articles.
Draw = Callable[[np.random.Generator, NDArray[np.float32], NDArray[np.float32]], tuple[Array, Array]]
BUDGETS = (10, 20, 30, 40)
# In how many orders questions are asked at random; the mean of their errors counts.
ORDERS = 4


def smooth(
    random: np.random.Generator, questions: NDArray[np.float32], articles: NDArray[np.float32]
) -> tuple[Array, Array]:
    """A Gaussian process on the vectors with a squared exponential kernel, and a level."""
    both = np.concatenate([questions, articles]).astype(np.float64)
    kernel = np.exp(-(2 - 2 * both @ both.T) / (2 * 0.8**2)) + 1e-6 * np.eye(len(both))
    f = 2 * np.linalg.cholesky(kernel) @ random.standard_normal(len(both)) + random.normal(0, 1.2)
    return np.split(f, [len(questions)])


def expert(
    random: np.random.Generator, questions: NDArray[np.float32], articles: NDArray[np.float32]
) -> tuple[Array, Array]:
    """Knows what is near one of three articles, and little else."""
    fields = articles[random.integers(0, len(articles), 3)]
    f = [-2 + 5 * np.exp(-(((1 - v @ fields.T) / 0.6) ** 2)).max(axis=1) for v in (questions, articles)]
    return f[0], f[1]


def patchy(
    random: np.random.Generator, questions: NDArray[np.float32], articles: NDArray[np.float32]
) -> tuple[Array, Array]:
    """Each of thirty fields is known well, or not at all."""
    fields = articles[random.integers(0, len(articles), 30)]
    known = np.where(random.random(30) < random.uniform(0.2, 0.8), 2.5, -2.5)
    return known[(questions @ fields.T).argmax(axis=1)], known[(articles @ fields.T).argmax(axis=1)]


def level(value: float) -> Draw:
    def draw(
        random: np.random.Generator, questions: NDArray[np.float32], articles: NDArray[np.float32]
    ) -> tuple[Array, Array]:
        return np.full(len(questions), value), np.full(len(articles), value)

    return draw


def of_the_model(topics: Topics, places: Places) -> Draw:
    """A draw from the prior: a walk down the tree."""

    def draw(
        random: np.random.Generator, questions: NDArray[np.float32], articles: NDArray[np.float32]
    ) -> tuple[Array, Array]:
        prior = Prior()
        values = [prior.mean + random.normal(0, np.sqrt(prior.level), 1)]
        for share, parent in zip(prior.shares()[::-1], topics.parents[::-1], strict=True):
            values.insert(0, values[0][parent] + random.normal(0, np.sqrt(share), len(parent)))
        # What is known at a place is what is known on average of the questions there.
        readings = Knowledge(topics, []).readings(expit(GRID))
        known = [np.interp(value, GRID, reading) for value, reading in zip(values, readings, strict=True)]
        chance = (np.concatenate(known)[places.nodes] * places.weights).sum(axis=1)
        return values[0], logit(chance)

    return draw


def error_curve(
    knowledge_of: Callable[[list[Response]], Knowledge], ask: Callable[[Knowledge], int], right: NDArray[np.bool_],
    *, error: Callable[[Knowledge], float], most: int,
) -> list[float]:  # fmt: skip
    told: list[Response] = []
    known = knowledge_of(told)
    errors = [error(known)]
    for _ in range(most):
        question = ask(known)
        told.append(Response(question, bool(right[question])))
        known = knowledge_of(told)
        errors.append(error(known))
    return errors


def simulate(topics: Topics, places: Places, questions: NDArray[np.float32], articles: NDArray[np.float32], *,
             readers: int, most: int, spread: float, region: float) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    """Return by kind of reader float64[readers, 2, most + 1]: the error after so many questions, chosen and random."""
    kinds: dict[str, Draw] = {
        "of the model": of_the_model(topics, places), "smooth": smooth, "expert": expert, "patchy": patchy,
        "beginner": level(-3.0), "all-rounder": level(2.0),
    }  # fmt: skip
    found = {}
    for name, draw in kinds.items():
        curves = np.zeros((readers, 2, most + 1))
        for reader in range(readers):
            random = np.random.default_rng([reader, len(name)])
            items = [Item(difficulty=float(b)) for b in random.normal(0, spread, len(questions))]
            at_questions, at_articles = draw(random, questions, articles)
            middle = articles[random.integers(len(articles))]
            wanted = np.argsort(-(articles @ middle))[: round(region * len(articles))]
            there = Places(places.nodes[wanted], places.weights[wanted])
            weights, truth = interest(topics, there), expit(at_articles[wanted])
            chances = np.array(
                [0.25 + 0.75 * expit(f - item.difficulty) for f, item in zip(at_questions, items, strict=True)]
            )
            right = random.random(len(questions)) < chances
            orders = [iter(random.permutation(len(questions)).tolist()) for _ in range(ORDERS)]
            ways: list[Callable[[Knowledge], int]] = [
                lambda known, weights=weights: next_question(known, weights, enough=2.0),
                *(lambda known, order=order: next(order) for order in orders),
            ]  # fmt: skip
            errors = [
                error_curve(
                    lambda told, items=items: Knowledge(topics, told, items), ask, right,
                    error=lambda known, there=there, truth=truth: rms(estimate(known, there)[0] - truth), most=most,
                )
                for ask in ways
            ]  # fmt: skip
            curves[reader] = errors[0], np.mean(errors[1:], axis=0)
        found[name] = curves
        print(_line(name, curves), flush=True)
    return found


def designed(
    topics: Topics, weights: Array, items: list[Item], random: np.random.Generator, *, most: int
) -> tuple[Array, Array]:
    """Return the variance that so many questions leave on average over their answers, each the best next one or random.

    The best one is chosen without a look at the answers.
    """

    def left(asked: list[int]) -> float:
        known = Knowledge(topics, [Response(question, right=True) for question in asked], items)
        return float(weights @ known.sd**2)

    best, values = list[int](), [left([])]
    for _ in range(most):
        after = {question: left([*best, question]) for question in range(len(items)) if question not in best}
        best.append(min(after, key=lambda question: after[question]))
        values.append(after[best[-1]])
    orders = [random.permutation(len(items)).tolist() for _ in range(5 * ORDERS)]
    chance = np.mean([[left(order[:asked]) for asked in range(most + 1)] for order in orders], axis=0)
    return np.array(values), chance


def rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def needed(chosen: Array, random: Array, budget: int) -> float:
    """Return how many questions the choice needs to be where random choice is after `budget`, by interpolation."""
    goal, curve = random[budget], np.minimum.accumulate(chosen)
    first = int(np.argmax(curve <= goal)) if (curve <= goal).any() else len(curve) - 1
    if first == 0:
        return 0.0
    step = curve[first - 1] - curve[first]
    return first - 1 + min(1.0, (curve[first - 1] - goal) / step if step > 0 else 1.0)


def _line(name: str, curves: NDArray[np.float64]) -> str:
    worse = (curves[:, 0] - curves[:, 1])[:, 1:].mean(axis=1)
    again = worse[np.random.default_rng(0).integers(0, len(worse), (1000, len(worse)))].mean(axis=1)
    low, high = np.percentile(again, [2.5, 97.5])
    shares = "".join(f"{_row(curves, budget):>34}" for budget in BUDGETS)
    return f"{name:<14}{shares}   {worse.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def _row(curves: NDArray[np.float64], budget: int) -> str:
    mean = curves.mean(axis=0)
    draws = np.random.default_rng(0).integers(0, len(curves), (500, len(curves)))
    again = [needed(*curves[draw].mean(axis=0), budget) / budget for draw in draws]
    low, high = np.percentile(again, [2.5, 97.5])
    share = needed(*mean, budget) / budget
    return f"{mean[0, budget]:.3f} {mean[1, budget]:.3f} {share:.0%} [{low:.0%}, {high:.0%}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--readers", type=int, default=24)
    parser.add_argument("--most", type=int, default=40)
    parser.add_argument("--bank", type=int, default=400)
    parser.add_argument("--spread", type=float, default=1.7)
    parser.add_argument("--design", action="store_true", help="what is possible without a look at the answers")
    arguments = parser.parse_args()
    encoder, random = load_encoder(), np.random.default_rng(0)
    questions = read_questions(arguments.questions)
    order = random.permutation(len(questions))
    chosen = [questions[row] for row in order[: arguments.bank]]
    others = [questions[row].embedding_text for row in order[arguments.bank :][:1000]]
    vectors = encoder.encode_documents([question.embedding_text for question in chosen])
    articles = encoder.encode_documents(others)
    topics = Topics.of(vectors)
    places = topics.attach(vectors, articles)
    if arguments.design:
        items = [Item(difficulty=float(b)) for b in random.normal(0, arguments.spread, len(vectors))]
        best, chance = designed(topics, interest(topics, places), items, random, most=arguments.most)
        shares = ", ".join(f"{needed(best, chance, b) / b:.0%}" for b in BUDGETS if b <= arguments.most)
        print(f"The best questions, whatever is answered, need {shares} of random ones.")
        return
    for name, region in (("the whole map", 1.0), ("a region, a tenth of the map", 0.1)):
        print(f"\nWanted: {name}")
        heads = "".join(f"{f'after {b}: chosen, random, needed':>34}" for b in BUDGETS)
        print(f"{'kind of reader':<14}{heads}   error larger by")
        found = simulate(
            topics, places, vectors, articles,
            readers=arguments.readers, most=arguments.most, spread=arguments.spread, region=region,
        )  # fmt: skip
        print(_line("all", np.concatenate(list(found.values()))))


if __name__ == "__main__":
    main()
