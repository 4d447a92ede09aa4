"""From a model's name to a loaded encoder."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.configuration import (
    contradictions,
    engine_of,
    largest_tensor,
    read_spec,
    why_not_native,
    with_digests,
)
from knowscape.encoders.devices import gpus
from knowscape.encoders.spec import Encoder, EncoderSpec, Tokens
from knowscape.encoders.weights import fetch_repository, fetch_weights
from knowscape.errors import KnowscapeError, MissingExtraError, StorageError, UsageError, first_line
from knowscape.progress import SILENT, Progress

__all__ = [
    "DEVICES",
    "EngineOptions",
    "FoundModel",
    "blaming",
    "find_again",
    "find_model",
    "load_encoder",
    "load_tokens",
    "locate",
    "on_gpu",
    "placed",
    "start_encoder",
]

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")
# Apple's GPUs address no tensor of more bytes than 2^32, here in fp32.
_LARGEST_MPS_TENSOR = 2**30
_HUB = re.compile(r"hf:(?P<repository>[^/@\s]+/[^/@\s]+)(@(?P<revision>\S+))?")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Where and how a model runs.

    `device` auto is a GPU where the extra `torch` and one are there, else the CPU; `batch_tokens` is the most padded
    tokens of a batch, None what suits the engine; `threads` those of the CPU, None all.
    """

    device: str = "auto"
    batch_tokens: int | None = None
    threads: int | None = None
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        if not _DEVICE.fullmatch(self.device):
            raise UsageError(f"There is no device {self.device!r}. Accepted: {', '.join(DEVICES)}.")


def load_encoder(name: str = DEFAULT_MODEL, *, device: str = "auto", progress: Progress = SILENT) -> Encoder:
    """Return the encoder `name`: of the catalogue, a folder with a model, or hf:OWNER/NAME[@REVISION] of the hub.

    Raises UsageError for an unknown name or device, KnowscapeError where the weights cannot be had.
    """
    options = EngineOptions(device)
    return start_encoder(*find_model(name, progress=progress), options)


def load_tokens(spec: EncoderSpec, folder: Path) -> Tokens:
    """Return what knows the tokens of a spec's texts: for a model of the native engine its tokenizer, else itself."""
    if engine_of(folder) != "native":
        return start_encoder(spec, folder)
    with blaming(folder):
        from knowscape.encoders.positions import TokenizerFile

        return TokenizerFile(spec, folder / "tokenizer.json")


def start_encoder(spec: EncoderSpec, folder: Path, options: EngineOptions = EngineOptions()) -> Encoder:
    """Return the encoder of a spec, from the folder of its files; UsageError where they cannot be read."""
    engine = engine_of(folder)
    if engine == "native" and on_gpu(options):
        engine = "transformer"
    with blaming(folder):
        return _start(engine, spec, folder, placed(options, folder))


def on_gpu(options: EngineOptions) -> bool:
    """Return whether a model that the CPU could run natively is to run elsewhere."""
    return options.device not in ("auto", "cpu") or (options.device == "auto" and bool(gpus("auto")))


def placed(options: EngineOptions, folder: Path) -> EngineOptions:
    """Return the options, on the CPU where a tensor is too large for Apple's GPUs."""
    if gpus(options.device) == ["mps"] and largest_tensor(folder) > _LARGEST_MPS_TENSOR:
        return replace(options, device="cpu")
    return options


def locate(name: str, progress: Progress = SILENT) -> tuple[Path, str, str] | None:
    """Return the folder, the model's name and its revision where `name` is a folder or hf:OWNER/NAME[@REVISION].

    A repository is fetched where needed; KnowscapeError where it cannot be had.
    """
    if Path(name).is_dir():
        return Path(name), Path(name).resolve().name, "local"
    if hub := _HUB.fullmatch(name):
        folder, commit = fetch_repository(hub["repository"], hub["revision"], progress=progress)
        return folder, hub["repository"].split("/")[1], commit
    return None


@contextmanager
def blaming(folder: Path) -> Iterator[None]:
    """Raise what the libraries say of files that they cannot read, each in a kind of its own, as UsageError."""
    try:
        yield
    except KnowscapeError:
        raise
    except Exception as error:
        raise _unreadable(folder, error) from error


def find_model(name: str, *, trust_remote_code: bool = False, progress: Progress = SILENT) -> tuple[EncoderSpec, Path]:
    """Return a model's spec and the folder of its files, fetched where needed; the errors are those of loading it."""
    if own := locate(name, progress):
        folder, model, revision = own
        with blaming(folder):
            return read_spec(folder, name=model, revision=revision), folder
    known = entry(name)
    if known.trust_remote_code and not trust_remote_code:
        raise UsageError(
            f"{known.repository} runs code of its authors on this machine. Read it, then add: --trust-remote-code"
        )
    folder = fetch_weights(known, progress)
    if known.spec.weights_sha256:
        return known.spec, folder
    spec = with_digests(known.spec, folder)
    for sentence in contradictions(spec, folder):
        progress.note(f"{name}: {sentence}")
    return spec, folder


class FoundModel(NamedTuple):
    """By which name a model is found, what it is, and the folder of its files."""

    place: str
    spec: EncoderSpec
    folder: Path


def find_again(name: str, fingerprint: str, places: Sequence[str] = (), *, progress: Progress = SILENT) -> FoundModel:
    """Return where the very model of some vectors is found; `places` are looked at before the catalogue.

    KnowscapeError where none has the fingerprint.
    """
    said = []
    for place in (*places, name):
        try:
            found = FoundModel(place, *find_model(place, progress=progress))
        except KnowscapeError as error:
            said.append(first_line(error))
            continue
        if found.spec.fingerprint == fingerprint:
            return found
        said.append(f"{place} has the fingerprint {found.spec.fingerprint:.16}")
    raise KnowscapeError(
        f"No model {name} with the fingerprint {fingerprint:.16} is found ({'; '.join(said)}). "
        "Name its folder with: --model FOLDER"
    )


def _unreadable(folder: Path, error: Exception) -> KnowscapeError:
    if isinstance(error, OSError) and StorageError.explains(error):
        return StorageError.of(error, folder)
    return UsageError(f"{folder} holds no model that can be read: {first_line(error)}")


def _start(engine: str, spec: EncoderSpec, folder: Path, options: EngineOptions) -> Encoder:
    if engine == "static":
        from knowscape.encoders.static import StaticEncoder

        return StaticEncoder(spec, folder)
    if engine == "native":
        from knowscape.encoders.native import NativeEncoder

        return NativeEncoder(spec, folder, batch_tokens=options.batch_tokens, threads=options.threads)
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError(f"{spec.name} ({why_not_native(folder) or f'on {options.device}'})", "torch")
    from knowscape.encoders.transformer import TransformerEncoder

    return TransformerEncoder(
        spec,
        folder,
        device=options.device,
        batch_tokens=options.batch_tokens,
        trust_remote_code=options.trust_remote_code,
    )
