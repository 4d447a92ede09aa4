"""From a cross-encoder's name to a loaded cross-encoder."""

from importlib.util import find_spec
from pathlib import Path

from knowscape.encoders.configuration import read_cross_spec, why_not_native_cross
from knowscape.encoders.cross_catalogue import DEFAULT_CROSS_ENCODER, cross_entry
from knowscape.encoders.load import EngineOptions, blaming, locate, on_gpu, placed
from knowscape.encoders.spec import CrossEncoder, CrossSpec
from knowscape.encoders.weights import fetch_repository
from knowscape.errors import MissingExtraError
from knowscape.progress import SILENT, Progress

__all__ = ["find_cross_encoder", "load_cross_encoder", "start_cross_encoder"]


def load_cross_encoder(
    name: str = DEFAULT_CROSS_ENCODER, *, options: EngineOptions = EngineOptions(), progress: Progress = SILENT
) -> CrossEncoder:
    """Load `name`: of the catalogue, a folder with a model, or hf:OWNER/NAME[@REVISION] of the hub.

    Raises UsageError for an unknown name or device, and for a model that is no cross-encoder with one score;
    KnowscapeError where the weights cannot be had.
    """
    return start_cross_encoder(*find_cross_encoder(name, progress=progress), options)


def find_cross_encoder(name: str, *, progress: Progress = SILENT) -> tuple[CrossSpec, Path]:
    """Return a cross-encoder's spec, with the commit and the digests of what was fetched, and the folder of its files.

    The errors are those of loading it.
    """
    own = locate(name, progress)
    if own is None:
        known = cross_entry(name)
        folder, commit = fetch_repository(known.repository, known.revision, known.shape.megabytes, progress)
        own = folder, known.name, commit
    folder, model, revision = own
    with blaming(folder):
        return read_cross_spec(folder, name=model, revision=revision), folder


def start_cross_encoder(spec: CrossSpec, folder: Path, options: EngineOptions = EngineOptions()) -> CrossEncoder:
    """Return the cross-encoder of a spec, from the folder of its files; UsageError where they cannot be read.

    It is the native one where that can read the model and no GPU is meant, else sentence-transformers'.
    """
    options = placed(options, folder)
    reason = why_not_native_cross(folder) or (f"on {options.device}" if on_gpu(options) else None)
    with blaming(folder):
        if reason is None:
            from knowscape.encoders.cross_native import NativeCrossEncoder

            return NativeCrossEncoder(spec, folder, batch_tokens=options.batch_tokens, threads=options.threads)
        if find_spec("sentence_transformers") is None:
            raise MissingExtraError(f"{spec.name} ({reason})", "torch")
        from knowscape.encoders.cross_transformer import TransformerCrossEncoder

        return TransformerCrossEncoder(
            spec,
            folder,
            device=options.device,
            batch_tokens=options.batch_tokens,
            trust_remote_code=options.trust_remote_code,
        )
