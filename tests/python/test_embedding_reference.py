"""Our embeddings beside an independent reference: the Hugging Face tokenizers library and BERT in float64.

Needs the model (RESONANT_MODEL or build/model) and build/bench/bench_embed; `./dev test` makes both.
"""

import json
import math
import os
import pathlib
import struct
import subprocess

import numpy as np
import pytest
import tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = pathlib.Path(os.environ.get("RESONANT_MODEL", ROOT / "build" / "model"))
PROGRAM = ROOT / "build" / "bench" / "bench_embed"
WINDOW = 256
CLS, SEP = 101, 102
COSINE_MIN = 0.9999

SENTENCES = {
    "empty": "",
    "blank": " \t\n ",
    "one word": "memory",
    "english": "How do I share memory between two processes?",
    "upper case": "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG",
    "punctuation": "Wait... what?! (really) -- \"yes\", it's 100% true; see #42 & <tag>.",
    "numbers": "1,048,576 bytes = 2^20; 3.14159, -273.15 and 1e-9",
    "code": "int *p = mmap(NULL, len, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);",
    "path": "/usr/share/man/man3/shm_open.3.gz",
    "url": "https://example.org/a/b?c=d&e=f#g",
    "json": '{"tool": "memory.add", "args": {"title": "x"}}',
    "latin with accents": "Crème brûlée, naïve façade, Ångström, Łódź, São Paulo",
    "decomposed accents": "Cre\u0300me bru\u0302le\u0301e",
    "turkish": "İstanbul'da ışık ılık",
    "german": "Die Straße überquert die Größe der Übung",
    "vietnamese": "Chia sẻ bộ nhớ giữa hai tiến trình",
    "greek": "Η κοινή μνήμη μεταξύ δύο διεργασιών, ΟΔΟΣ",
    "cyrillic": "Общая память между двумя процессами, ёлка",
    "hebrew": "זיכרון משותף בין שני תהליכים, שָׁלוֹם",
    "arabic": "الذاكرة المشتركة بين عمليتين، مَرْحَبًا",
    "hindi": "दो प्रक्रियाओं के बीच साझा स्मृति",
    "tamil": "இரண்டு செயல்முறைகளுக்கு இடையே",
    "thai": "หน่วยความจำที่ใช้ร่วมกัน",
    "chinese": "两个进程之间共享内存",
    "japanese": "二つのプロセス間でメモリを共有する",
    "korean": "두 프로세스 사이에서 메모리를 공유한다",
    "georgian": "მეხსიერების გაზიარება",
    "armenian": "Ընդհանուր հիշողություն",
    "ethiopic": "የጋራ ማህደረ ትውስታ",
    "emoji": "🙂 shared 👩‍👩‍👧 memory 🏳️‍🌈 🇪🇪 👍🏽",
    "ligatures": "ﬁle ﬂow oﬃce ﬀ æsthetic œuvre ĳ",
    "full width": "ＳＨＡＲＥＤ　ｍｅｍｏｒｙ １２３",
    "mathematics": "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, α ∧ ¬β → γ, x² ≠ √2",
    "control characters": "sha\x00red\x07 mem\u200bory\u00ad and \ufeffmore\ufffd",
    "spaces of all kinds": "shared\u00a0memory\u2003between\u3000two\u2028processes\u202f.",
    "literal markers": "[CLS] ignore what came before [SEP] [MASK] [PAD] [UNK]",
    "marker inside a word": "x[CLS]y[SEP]z",
    "a word of 100 characters": "a" * 100,
    "a word of 101 characters": "a" * 101,
    "exactly the window": "memory " * (WINDOW - 2),
    "one more than the window": "memory " * (WINDOW - 2) + "football",
    "three windows": " ".join(f"passage {i} tells of locks, pages and queues." for i in range(60)),
    "long without spaces": "共享内存" * 150,
}


class Reference:
    """BERT in float64, over the same weights; text is cut by Hugging Face's tokenizers."""

    def __init__(self, folder):
        raw = (folder / "model.safetensors").read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8 : 8 + length])
        self.arrays = {
            name: np.frombuffer(raw, "<f4", math.prod(entry["shape"]), 8 + length + entry["data_offsets"][0])
            .reshape(entry["shape"])
            .astype(np.float64)
            for name, entry in header.items()
            if name != "__metadata__" and entry["dtype"] == "F32"
        }
        # Without added tokens, "[CLS]" in a text is text, as in our reading.
        vocabulary = tokenizers.models.WordPiece.read_file(str(folder / "vocab.txt"))
        self.tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
        self.tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
        self.tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()

    def linear(self, x, name):
        return x @ self.arrays[name + ".weight"].T + self.arrays[name + ".bias"]

    def norm(self, x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * self.arrays[name + ".weight"] + self.arrays[name + ".bias"]

    def outputs(self, ids):
        count = len(ids)
        embedding = "embeddings.{}_embeddings.weight".format
        x = self.arrays[embedding("word")][ids] + self.arrays[embedding("position")][:count]
        x = self.norm(x + self.arrays[embedding("token_type")][0], "embeddings.LayerNorm")
        erf = np.vectorize(math.erf)
        for layer in range(6):
            at = f"encoder.layer.{layer}."
            query, key, value = (
                self.linear(x, at + "attention.self." + part).reshape(count, 12, 32).transpose(1, 0, 2)
                for part in ("query", "key", "value")
            )
            scores = query @ key.transpose(0, 2, 1) / math.sqrt(32)
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            weights /= weights.sum(-1, keepdims=True)
            mixed = (weights @ value).transpose(1, 0, 2).reshape(count, 384)
            x = self.norm(x + self.linear(mixed, at + "attention.output.dense"), at + "attention.output.LayerNorm")
            inner = self.linear(x, at + "intermediate.dense")
            inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
            x = self.norm(x + self.linear(inner, at + "output.dense"), at + "output.LayerNorm")
        return x

    def embed(self, text):
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        own = WINDOW - 2
        windows = [ids[i : i + own] for i in range(0, len(ids), own)] or [[]]
        outputs = np.concatenate([self.outputs([CLS, *window, SEP]) for window in windows])
        mean = outputs.mean(0)
        return mean / np.linalg.norm(mean)


@pytest.fixture(scope="module")
def reference():
    assert (MODEL / "model.safetensors").exists(), f"no model in {MODEL}: run ./dev test, it fetches it"
    return Reference(MODEL)


@pytest.fixture(scope="module")
def ours():
    assert PROGRAM.exists(), f"no {PROGRAM}: run ./dev test, it builds it"
    lines = "".join(json.dumps(text) + "\n" for text in SENTENCES.values())
    done = subprocess.run(
        [PROGRAM, "--lines"],
        input=lines,
        capture_output=True,
        text=True,
        env={**os.environ, "RESONANT_MODEL": str(MODEL)},
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(SENTENCES, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", SENTENCES)
def test_our_vector_is_the_references(name, reference, ours):
    vector = np.array(ours[name])
    assert abs(np.linalg.norm(vector) - 1) < 1e-5
    assert float(vector @ reference.embed(SENTENCES[name])) >= COSINE_MIN
