"""The sample corpus: short encyclopedic articles and quiz questions on them."""

from pathlib import Path

__all__ = ["sample_articles_path", "sample_questions_path"]


def sample_articles_path() -> Path:
    """Return the JSONL file with the sample articles."""
    return Path(__file__).with_name("articles.jsonl")


def sample_questions_path() -> Path:
    """Return the JSON file with the questions on them."""
    return Path(__file__).with_name("questions.json")
