"""The whole examination: the machine, the model, and the scores where there is data."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from knowscape.encoders.load import EngineOptions, find_model, start_encoder
from knowscape.errors import KnowscapeError
from knowscape.evaluate.diagnosis import Diagnosis, explain
from knowscape.evaluate.machine import machine, versions
from knowscape.evaluate.scores import Score, read_tasks, scores
from knowscape.evaluate.self_test import Check, self_test
from knowscape.evaluate.similarity import Pairs
from knowscape.progress import SILENT, Progress

__all__ = ["Report", "examine"]


@dataclass(slots=True)
class Report:
    """What was found; `model` is empty and `error` set where the model cannot be loaded."""

    versions: dict[str, str | None]
    machine: dict[str, Any]
    model: dict[str, Any] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    diagnosis: Diagnosis | None = None
    error: KnowscapeError | None = None

    @property
    def exit_code(self) -> int:
        """0 where all is well, 1 where a check or a score fails, the error's own where the model cannot be loaded."""
        if self.error is not None:
            return self.error.exit_code
        healthy = all(check.fault is None for check in self.checks) and all(score.ok for score in self.scores)
        return 0 if healthy else 1

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "versions": self.versions,
            "machine": self.machine,
            "model": self.model,
            "checks": [check.to_json() for check in self.checks],
            "scores": [score.to_json() for score in self.scores],
            "diagnosis": self.diagnosis and self.diagnosis.to_json(),
            "error": self.error and str(self.error),
            "healthy": self.exit_code == 0,
        }


def examine(model: str, *, device: str = "auto", data: Path | None = None, progress: Progress = SILENT) -> Report:
    """Return a report on this machine and `model`, as `load_encoder` takes it.

    With `data`, a folder with the data sets that `scores` knows, the scores are computed too, which takes minutes.  A
    model that cannot be loaded is in the report; UsageError for data that cannot be read.
    """
    tasks = read_tasks(data) if data is not None else {}
    report = Report(versions(), machine())
    options = EngineOptions(device)
    try:
        spec, folder = find_model(model, progress=progress)
        encoder = start_encoder(spec, folder, options)
    except KnowscapeError as error:
        report.error = error
        return report
    report.model = {
        **asdict(spec), "precision": getattr(encoder, "precision", None), "fingerprint": spec.fingerprint
    }  # fmt: skip
    report.checks = self_test(encoder, folder)
    broken = any(check.fault == "NaN" for check in report.checks)
    if tasks and not broken:
        report.scores = list(scores(encoder, tasks, progress))
        pairs = tasks.get("STS-B en")
        report.diagnosis = explain(
            report.scores,
            spec,
            load=lambda other: start_encoder(other, folder, options),
            pairs=pairs if isinstance(pairs, Pairs) else None,
            progress=progress,
        )
    return report
