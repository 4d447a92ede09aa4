"""How texts are embedded on this machine: the options, and which processes or threads do it."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from knowscape.embed.executors import Executor, Processes, Threads
from knowscape.embed.run import Commits
from knowscape.encoders.devices import cores, gpus
from knowscape.encoders.load import EngineOptions, start_encoder
from knowscape.encoders.spec import Encoder, EncoderSpec

__all__ = ["EmbedOptions", "executor_for"]

# A process on an Apple GPU is replaced once it has grown by so many bytes.
_APPLE_GROWTH = 4_000_000_000


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """How texts are embedded: the engine, how many processes (None: what suits the devices), how often to commit.

    `cache` takes vectors from other atlases on this machine, and gives them.
    """

    engine: EngineOptions = field(default_factory=EngineOptions)
    workers: int | None = None
    commits: Commits = field(default_factory=Commits)
    cache: bool = True


def executor_for(spec: EncoderSpec, files: Path, options: EmbedOptions) -> Executor:
    """Return threads around one model, or processes where there are several GPUs or workers, or one of Apple's."""
    engine = options.engine
    devices = gpus(engine.device)
    count = options.workers or max(1, len(devices))
    if count == 1 and devices != ["mps"]:
        again = partial(start_encoder, spec, files, replace(engine, device="cpu")) if devices else None
        return Threads(partial(start_encoder, spec, files, engine), again)
    most_growth = _APPLE_GROWTH if devices == ["mps"] else None
    return Processes(_Loader(spec, files, engine, tuple(devices), count), count, most_growth=most_growth)


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
