"""How texts are embedded: the options, and which processes, threads or workers of a cluster do it."""

import platform
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from knowscape import __version__
from knowscape.cluster.report import Report
from knowscape.cluster.state import cluster_of, joined
from knowscape.embed.executors import Executor, Processes, Threads
from knowscape.embed.run import Commits
from knowscape.embed.worker import Shelf
from knowscape.encoders.devices import cores, gpus
from knowscape.encoders.load import EngineOptions, find_model, start_encoder
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.errors import KnowscapeError, UsageError
from knowscape.files import sha256_text
from knowscape.progress import SILENT, Progress
from knowscape.store.vectors import VectorStore

__all__ = ["EmbedOptions", "executor_for", "reported"]

# A process on an Apple GPU is replaced once it has grown by so many bytes.
_APPLE_GROWTH = 4_000_000_000


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """How texts are embedded: the engine, how many processes (None: what suits the devices), how often to commit.

    `cache` takes vectors from other atlases on this machine, and gives them.  `on` is the address of a Ray cluster,
    whose every host has so many `workers`, or a cluster.yaml that is up.
    """

    engine: EngineOptions = field(default_factory=EngineOptions)
    workers: int | None = None
    commits: Commits = field(default_factory=Commits)
    cache: bool = True
    on: str | None = None


def executor_for(
    spec: EncoderSpec,
    files: Path,
    options: EmbedOptions,
    *,
    place: str,
    store: VectorStore | None = None,
    progress: Progress = SILENT,
) -> Executor:
    """Return threads around one model, or processes where there are several GPUs or workers, or one of Apple's.

    With `options.on` workers of a Ray cluster, which find the model under the name or path `place`; where `store` lies
    in an object store they write to it themselves.
    """
    engine = options.engine
    if options.on is not None:
        return _on_ray(spec, files, options, place=place, store=store, progress=progress)
    devices = gpus(engine.device)
    count = options.workers or max(1, len(devices))
    if count == 1 and devices != ["mps"]:
        again = partial(start_encoder, spec, files, replace(engine, device="cpu")) if devices else None
        return Threads(partial(start_encoder, spec, files, engine), again)
    most_growth = _APPLE_GROWTH if devices == ["mps"] else None
    return Processes(_Loader(spec, files, engine, tuple(devices), count), count, most_growth=most_growth)


def reported(options: EmbedOptions, progress: Progress) -> Progress:
    """Return a progress that `knowscape cluster status` reads too, where the texts go to the cluster of a file."""
    file = _cluster_file(options.on)
    if file is None:
        return progress
    joined(file)
    return Report(cluster_of(file).run_file, progress)


def _cluster_file(on: str | None) -> Path | None:
    return Path(on) if on is not None and Path(on).suffix in {".yaml", ".yml"} else None


def _on_ray(
    spec: EncoderSpec, files: Path, options: EmbedOptions, *, place: str, store: VectorStore | None, progress: Progress
) -> Executor:
    from knowscape.embed.places import Job
    from knowscape.embed.ray_run import RayWorkers

    engine, address = options.engine, str(options.on)
    if ":" in engine.device:
        raise UsageError(f"Ray gives each worker its GPU, so the device {engine.device!r} cannot be chosen: use cuda.")
    here = partial(start_encoder, spec, files, replace(engine, device="cpu"))
    if Path(place).is_dir():  # hosts start their workers in other folders
        place = str(Path(place).resolve())
    there = _Finder(place, spec.fingerprint, engine)
    job = Job(there, here, options.workers, engine.device != "cpu")
    if store is not None and store.parts.shared:
        job = replace(job, shelf=Shelf(str(store.parts.folder)))
    elif store is not None:  # locked, so there is one driver at a time
        owner = f"{platform.node()} {Path(store.parts.folder).resolve()} {there} {__version__}"
        job = replace(job, run=sha256_text(owner))
    if (file := _cluster_file(address)) is not None:
        address = joined(file)
    watch = progress.workers if isinstance(progress, Report) else None
    return RayWorkers(address, job, progress=progress, watch=watch)


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds the model on another host, fetched where needed, and loads it; KnowscapeError where it is another one."""

    place: str
    fingerprint: str
    engine: EngineOptions

    def __call__(self, threads: int) -> Encoder:
        spec, files = find_model(self.place, trust_remote_code=self.engine.trust_remote_code)
        if spec.fingerprint != self.fingerprint:
            raise KnowscapeError(
                f"{self.place} has the fingerprint {spec.fingerprint:.16} there, {self.fingerprint:.16} here"
            )
        return start_encoder(spec, files, replace(self.engine, threads=self.engine.threads or threads))


@dataclass(frozen=True, slots=True)
class _Loader:
    """Loads the model of the n-th of `count` processes, on its own device or its share of the cores."""

    spec: EncoderSpec
    files: Path
    engine: EngineOptions
    devices: tuple[str, ...]
    count: int

    def __call__(self, number: int) -> Encoder:
        device = self.devices[number % len(self.devices)] if self.devices else "cpu"
        threads = self.engine.threads or max(1, cores() // self.count)
        return start_encoder(self.spec, self.files, replace(self.engine, device=device, threads=threads))
