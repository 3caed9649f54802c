"""The Arrow copy of the memory as pyarrow sees it: mapped, complete, and equal to SQLite."""

import json
import os
import pathlib
import sqlite3
import struct
import subprocess

import pyarrow as pa
import pytest

COLUMNS = [
    ("memory_id", pa.uint64()),
    ("title", pa.utf8()),
    ("embedding", pa.list_(pa.field("item", pa.float32(), nullable=False), 384)),
    ("galactic_distance", pa.float64()),
    ("importance", pa.float64()),
    ("zone", pa.uint8()),
    ("constellation_id", pa.uint16()),
    ("last_accessed_ns", pa.uint64()),
    ("is_protected", pa.bool_()),
    ("predecessor_gana", pa.uint8()),
    ("wu_xing_phase", pa.uint8()),
    ("guna_state", pa.uint8()),
    ("created_ns", pa.int64()),
    ("is_archived", pa.bool_()),
    ("signature", pa.uint64()),
    ("coarse_code", pa.binary(196)),
    ("fine_code", pa.binary(384)),
    ("fine_facts", pa.binary(16)),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arrow")
    build = pathlib.Path(os.environ.get("RESONANT_BINARY", "build/resonant")).resolve().parent
    subprocess.run([build / "tests/test_memory", "--gtest_filter=ArrowSample.*", "--gtest_brief=1"],
                   env=dict(os.environ, RESONANT_ARROW_SAMPLE=str(folder)), check=True)
    return folder


def mapped(home):
    """Each segment that the manifest names, as (facts, table over the mapped file)."""
    manifest = json.loads((home / "sea/manifest.json").read_text())
    tables = []
    for facts in manifest["segments"]:
        before = pa.total_allocated_bytes()
        reader = pa.ipc.open_file(pa.memory_map(str(home / "sea" / facts["file"])))
        table = reader.read_all()
        # Less: what an earlier test left behind was collected meanwhile.
        assert pa.total_allocated_bytes() <= before, "the file was copied, not mapped"
        tables.append((facts, table))
    return manifest, tables


def test_the_columns_are_those_of_the_seed_of_resonance_and_of_search(home):
    _, tables = mapped(home)
    for _, table in tables:
        assert [(field.name, field.type) for field in table.schema] == COLUMNS
        assert not any(field.nullable for field in table.schema)


def test_rows_equal_the_public_embedded_memories_of_sqlite(home):
    _, tables = mapped(home)
    database = sqlite3.connect(f"file:{home / 'home.db'}?mode=ro", uri=True)
    expected = {row[0]: row for row in database.execute(
        "SELECT m.id, m.title, e.vector, m.importance, m.constellation, m.predecessor_family, m.phase, m.posture"
        " FROM memories m JOIN memory_embeddings e ON e.memory_id = m.id WHERE m.is_private = 0")}
    assert len(expected) == 54
    assert sum(table.num_rows for _, table in tables) == len(expected)
    for facts, table in tables:
        assert table.num_rows == facts["rows"]
        for row in table.to_pylist():
            known = expected.pop(row["memory_id"])
            assert row["title"] == known[1]
            assert struct.pack("<384f", *row["embedding"]) == known[2]
            assert [row[name] for name in ("importance", "constellation_id", "predecessor_gana", "wu_xing_phase",
                                           "guna_state")] == list(known[3:])
            assert 0 <= row["zone"] <= 4
            assert row["last_accessed_ns"] > 0
    assert not expected, "memories are missing from the Arrow copy"


def test_each_galaxy_has_files_of_its_own_that_a_pattern_finds(home):
    database = sqlite3.connect(f"file:{home / 'home.db'}?mode=ro", uri=True)
    _, tables = mapped(home)
    assert sorted(facts["galaxy"] for facts, _ in tables) == ["andromeda", "default"]
    for facts, table in tables:
        assert table.schema.metadata[b"resonant.galaxy"].decode() == facts["galaxy"]
    for galaxy in ("default", "andromeda"):
        files = sorted((home / "sea").glob(f"sea-{galaxy}@*.arrow"))
        found = [row for file in files for row in pa.ipc.open_file(str(file)).read_all()["memory_id"].to_pylist()]
        expected = database.execute("SELECT m.id FROM memories m JOIN memory_embeddings e ON e.memory_id = m.id"
                                    " WHERE m.is_private = 0 AND m.galaxy = ?", (galaxy,))
        assert sorted(found) == sorted(row[0] for row in expected)


def test_vectors_lie_on_a_multiple_of_64_bytes(home):
    _, tables = mapped(home)
    for _, table in tables:
        chunk = table.column("embedding").chunk(0)
        assert chunk.values.buffers()[1].address % 64 == 0


def test_a_nearest_neighbour_is_found_over_the_mapped_column_alone(home):
    numpy = pytest.importorskip("numpy")
    _, tables = mapped(home)
    table = tables[0][1]
    vectors = table.column("embedding").chunk(0).values.to_numpy(zero_copy_only=True).reshape(-1, 384)
    best = int(numpy.argmax(vectors @ vectors[3]))
    assert best == 3
    assert abs(float(vectors[3] @ vectors[3]) - 1) < 1e-5


def checksum(data):
    """As docs/formats/memory.md has it."""
    words = struct.unpack(f"<{(len(data) + 63) // 64 * 16}I", data.ljust((len(data) + 63) // 64 * 64, b"\0"))
    low, high = len(data), ~len(data)
    for lane in range(16):
        a = b = 0
        for word in words[lane::16]:
            a += word
            b += a
        low += a * (2 * lane + 1)
        high += b * (2 * lane + 1) + a * (lane + 1)
    return f"{high % 2**32:08x}{low % 2**32:08x}"


def test_the_manifest_says_what_the_files_are(home):
    import hashlib

    manifest, tables = mapped(home)
    assert manifest["format"] == "resonant.data_sea" and manifest["version"] == 3 and manifest["readable_from"] == 2
    assert manifest["model"] == "words/f32" and manifest["dimensions"] == 384
    for facts, _ in tables:
        data = (home / "sea" / facts["file"]).read_bytes()
        assert len(data) == facts["bytes"]
        assert checksum(data) == facts["checksum"]
    claimed = manifest.pop("sha256")
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == claimed
