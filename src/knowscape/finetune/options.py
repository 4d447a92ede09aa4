"""How a model is trained; saved beside what came of it."""

from dataclasses import dataclass

from knowscape.errors import UsageError

__all__ = ["LOSSES", "FinetuneOptions"]

LOSSES = {"pairs": ("mnr",), "triplets": ("mnr", "triplet"), "scored": ("cosent",)}


@dataclass(frozen=True, slots=True)
class FinetuneOptions:
    """What decides the trained weights, beside the data and the model.

    `loss` is mnr, triplet or cosent, empty for what suits the data; `learning_rate` is the highest, reached after the
    share `warmup` of all steps; `matryoshka` are the dimensions, beside the full one, whose first numbers are trained
    to be vectors of their own; `held_out` is the share of the data that scores the model, where no file does;
    `negatives` and `margin` are those of mining.
    """

    loss: str = ""
    epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 2e-5
    warmup: float = 0.1
    matryoshka: tuple[int, ...] = ()
    held_out: float = 0.1
    negatives: int = 1
    margin: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("epochs", 1, 1000), ("batch_size", 2, 65_536), ("learning_rate", 1e-9, 1), ("warmup", 0, 1),
            ("held_out", 0.001, 0.9), ("negatives", 1, 50), ("margin", 0, 1), ("seed", 0, 2**31 - 1),
        ):  # fmt: skip
            if not least <= getattr(self, name) <= most:
                raise UsageError(f"{name} is {getattr(self, name)!r}. Accepted: {least} to {most}.")
        known = sorted({loss for losses in LOSSES.values() for loss in losses})
        if self.loss and self.loss not in known:
            raise UsageError(f"There is no loss {self.loss!r}. Accepted: {', '.join(known)}.")

    def loss_for(self, kind: str) -> str:
        """Return the loss for data of a kind; UsageError where the one that was chosen does not go with it."""
        if self.loss and self.loss not in LOSSES[kind]:
            raise UsageError(
                f"The loss {self.loss} does not go with data of the kind {kind}. Accepted: {', '.join(LOSSES[kind])}."
            )
        return self.loss or LOSSES[kind][0]

    def dimensions(self, full: int) -> tuple[int, ...]:
        """Return the dimensions to train, largest first, the full one included; UsageError for more than there are."""
        for dimension in self.matryoshka:
            if not 0 < dimension <= full:
                raise UsageError(f"The model has no {dimension} dimensions. Accepted by --matryoshka: 1 to {full}.")
        return tuple(sorted({full, *self.matryoshka}, reverse=True))
