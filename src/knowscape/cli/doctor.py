"""The command that says what is wrong with a machine or a model."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.cli.app import Device, Json, Model, app
from knowscape.cli.commands import DEFAULT_MODEL
from knowscape.cli.output import show

__all__: list[str] = []

Data = Annotated[Path | None, typer.Option(metavar="DIR", help="Data sets whose published scores to reproduce.")]


@app.command()
def doctor(model: Model = DEFAULT_MODEL, device: Device = "auto", data: Data = None, json: Json = False) -> None:
    """Say what there is to compute with, and whether a model gives the vectors it should; exit code 1 where not."""
    from knowscape.evaluate.doctor import examine
    from knowscape.progress import progress_for

    report = examine(model, device=device, data=data, progress=progress_for())
    if json:
        show(report.to_json(), as_json=True)
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(report.to_json()))
    sys.exit(report.exit_code)


def _lines(report: dict[str, Any]) -> Iterator[str]:
    machine = report["machine"]
    for name, version in report["versions"].items():
        yield f"{name:<22} {version or 'not installed'}"
    for name, about in machine["devices"].items():
        yield f"{name:<22} {about['name']}, computes in {', '.join(about['computes_in'])}"
    yield f"{'cores':<22} {machine['cores']}, usable {machine['usable_cores']}"
    yield f"{'free memory':<22} {_gib(machine['free_memory_gib'])}"
    yield f"{'models are kept in':<22} {machine['cache']}, free {_gib(machine['free_disk_gib'])}"
    if report["error"]:
        yield f"{'FAULT':<22} {report['error']}"
        return
    yield f"{'model':<22} {report['model']['name']}, in {report['model']['precision'] or 'its own precision'}"
    for check in report["checks"]:
        yield f"{check['name']:<22} {_verdict(check['ok'], check['fault'])}: {check['detail']}"
    for score in report["scores"]:
        yield f"{score['task'] + ' ' + score['metric']:<22} {_score(score)}"
    if report["diagnosis"]:
        for change, value in report["diagnosis"]["tried"].items():
            yield f"{'':<22} with {change}: {value:.5f}"
        yield f"{'diagnosis':<22} {report['diagnosis']['verdict']}"


def _verdict(ok: bool, fault: str | None) -> str:
    return "ok" if ok else f"FAULT, {fault}"


def _score(score: dict[str, Any]) -> str:
    if score["published"] is None:
        return f"{score['value']:.5f}, nothing published"
    beside = f"published {score['published']:.5f} within {score['tolerance']}"
    return f"{score['value']:.5f}, {beside}: {'ok' if score['ok'] else 'FAULT, off by more'}"


def _gib(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount} GiB"
