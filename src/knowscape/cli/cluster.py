"""knowscape cluster: hosts that are reached by ssh, made a cluster and left as they were."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from knowscape.characters import printable
from knowscape.cli.app import Json, app
from knowscape.cli.output import show, table

__all__: list[str] = []

_SHOWN = 5

group = typer.Typer(name="cluster", help="Embed on several hosts: prepare them over ssh, look, clean up.")
app.add_typer(group)

File = Annotated[Path, typer.Argument(metavar="CLUSTER.YAML", help="The hosts; docs/cluster.md describes it.")]


@group.command()
def up(file: File, json: Json = False) -> None:
    """Install this Knowscape on the hosts and start Ray; typed again, it mends what has changed."""
    from knowscape.cluster.up import up as bring_up
    from knowscape.progress import progress_for

    _show(bring_up(file, progress=progress_for()), json, {"embed_with": f"knowscape embed CORPUS -o OUT --on {file}"})


@group.command()
def down(file: File, json: Json = False) -> None:
    """End Ray on the hosts and remove all that up has put there."""
    from knowscape.cluster.up import down as bring_down

    _show(bring_down(file), json, {})


@group.command()
def status(file: File, json: Json = False) -> None:
    """Say what each host and worker does, and how long the run will take."""
    from knowscape.cluster.status import status as status_of

    found = status_of(file)
    if json:
        show(found.to_json(), as_json=True)
    else:
        table(["host", "state", "memory free", "held by Ray", "GPUs"], [_host(host) for host in found.hosts])
        workers = [(host.host, worker) for host in found.hosts for worker in host.workers]
        if workers:
            table(["worker of", "does", "slice", "texts", "texts/s", "errors"], [_worker(*each) for each in workers])
        show({"address": found.address, "run": _run(found.run) if found.run else None}, as_json=False)
        if found.run and found.run.notes:
            show({"last_faults": found.run.notes[-_SHOWN:]}, as_json=False)
        for host in found.hosts:
            if host.error:
                sys.stderr.write(f"knowscape: {host.host}: {printable(host.error)}\n")
    if any(host.state != "alive" for host in found.hosts):
        sys.exit(1)


def _show(result: Any, json: bool, after: dict[str, Any]) -> None:
    """Print what became of the hosts; exit code 1 where one failed."""
    if json:
        show(result.to_json(), as_json=True)
    else:
        table(["host", "state"], [(host.host, _state(host)) for host in result.hosts])
        if result.address is not None:
            show({"address": result.address, **after}, as_json=False)
    for host in result.failed:
        sys.stderr.write(f"knowscape: {host.host}: {printable(host.error)}\n")
    if result.failed:
        sys.exit(1)


def _state(host: Any) -> str:
    more = [
        *([f"{host.gpus} GPUs"] if host.gpus else []),
        *(["installed"] if host.installed else []),
        *(["Ray started"] if host.started else []),
    ]
    return ", ".join([host.state, *more])


def _host(host: Any) -> tuple[str, ...]:
    gpus = [
        f"{gpu['index']}: {gpu['use']} %, {_size(gpu['memory'] << 20)} of {_size(gpu['total'] << 20)}"
        for gpu in host.gpus
    ]
    if host.state == "unreachable":
        return host.host, host.state, "", "", ""
    return (
        host.host,
        host.state,
        f"{_size(host.free)} of {_size(host.memory)}",
        _size(host.held),
        "; ".join(gpus) or "none",
    )


def _worker(host: str, worker: Any) -> tuple[str, ...]:
    number = "" if worker["slice"] is None else f"{worker['slice']:,}"
    return host, worker["does"], number, f"{worker['texts']:,}", f"{worker['rate']:,.0f}", f"{worker['errors']:,}"


def _run(run: Any) -> str:
    from knowscape.progress import duration

    amount = f"{run.stage}: {run.done:,} of {run.total:,}"
    if not run.running:
        return f"{amount}; ended {duration(run.since)} ago"
    left = "unknown" if run.left is None else duration(run.left)
    return f"{amount} at {run.rate:,.0f}/s, {left} left (told {duration(run.since)} ago)"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
