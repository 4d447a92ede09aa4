"""Time Knowscape and embedding-atlas on the same file with the same weights, one after the other, and compare recall.

    python benchmarks/against_embedding_atlas.py ARTICLES.parquet QUESTIONS.json --peer /path/to/embedding-atlas

`--peer` is the command of an environment of its own, since embedding-atlas needs torch.  Both get an empty cache
of their own results; both find the weights on the disk.  Recall at 5 is the share of each article's five nearest
articles by cosine over the full corpus, in the vectors that Knowscape exports, that are among its five nearest on
the map.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from knowscape.encoders.catalogue import entry
from knowscape.encoders.weights import fetch_weights
from knowscape.maps.neighbours import neighbour_graph
from knowscape.maps.quality import neighbour_recall


def timed(command: list[str], **environment: str) -> float:
    """Return the seconds that a command takes; what it says is shown where it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def peer_model(folder: Path) -> Path:
    """Lay the same weights out as a sentence-transformers folder."""
    from tokenizers import Tokenizer

    weights = fetch_weights(entry("all-MiniLM-L6-v2"))
    shutil.copytree(weights, folder)
    vocabulary = Tokenizer.from_file(str(weights / "tokenizer.json")).get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)), encoding="utf-8")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        '{"word_embedding_dimension": 384, "pooling_mode_mean_tokens": true}'
    )
    (folder / "2_Normalize").mkdir()
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 256, "do_lower_case": false}')
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        f'{{"idx": {i}, "name": "{i}", "path": "{path}", "type": "sentence_transformers.models.{kind}"}}'
        for i, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(f"[{', '.join(modules)}]")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "tokenizer_class": "BertTokenizer"}')
    return folder


def peer_coordinates(archive: Path) -> np.ndarray:
    with zipfile.ZipFile(archive) as opened:
        name = next(name for name in opened.namelist() if name.endswith(".parquet"))
        table = pq.read_table(io.BytesIO(opened.read(name)))
    columns = ["projection_x", "projection_y"]
    return np.column_stack([table[column].to_numpy() for column in columns]).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--peer", default="embedding-atlas")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    atlas, rows = folder / "wiki.atlas", folder / "rows.parquet"
    knowscape = [sys.executable, "-c", "from knowscape.cli import main; main()"]
    arguments_of_build = [str(arguments.articles), "-q", str(arguments.questions), "--max-questions", "100"]
    own = timed([*knowscape, "build", *arguments_of_build, "-o", str(atlas)], KNOWSCAPE_CACHE_GB="0")
    model = peer_model(folder / "model")
    peer = timed(
        [arguments.peer, str(arguments.articles), "--text", "text", "--model", str(model)]
        + ["--export-application", str(folder / "peer.zip")],
        XDG_CACHE_HOME=str(folder / "cache"),
        HF_HUB_OFFLINE="1",
    )
    subprocess.run([*knowscape, "export", str(atlas), "-o", str(rows)], check=True, stdout=subprocess.DEVNULL)
    table = pq.read_table(rows)
    table = table.filter(np.array(table["kind"].to_pylist()) == "document")
    vectors = np.stack(table["vector"].to_numpy())
    graph = neighbour_graph(vectors)
    ours = np.column_stack([table["x"].to_numpy(), table["y"].to_numpy()])
    recall = [
        neighbour_recall(graph, places, [5])[5].mean() for places in (ours, peer_coordinates(folder / "peer.zip"))
    ]
    questions = subprocess.run([*knowscape, "map", str(atlas), "--json"], check=True, capture_output=True, text=True)
    print(f"questions' top-5 overlap {json.loads(questions.stdout)['question_overlap']:.3f}")
    print(f"articles            {len(ours):>10,}")
    print(f"knowscape           {own:>10.1f} s   recall at 5 {recall[0]:.3f}")
    print(f"embedding-atlas     {peer:>10.1f} s   recall at 5 {recall[1]:.3f}")
    print(f"knowscape / peer    {own / peer:>10.2f}     recall at 5 {recall[0] / recall[1]:.1f}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
