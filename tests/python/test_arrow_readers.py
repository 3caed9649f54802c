"""Strangers read our Arrow files: pyarrow on three Pythons, and DuckDB, Polars and DataFusion.

Each lives in an environment of its own (scripts/setup.sh readers). One that is absent is a named skip.
"""

import json
import os
import pathlib
import platform
import sqlite3
import subprocess

import pytest

from wire import Kernel

ROOT = pathlib.Path(__file__).resolve().parents[2]
READERS = ROOT / "build/readers"

SUMS = """
import json, pathlib, platform, sys
import pyarrow as pa
rows, importance, titles, copied = 0, 0.0, [], 0
for file in sorted(pathlib.Path(sys.argv[1]).rglob("*.arrow")):
    before = pa.total_allocated_bytes()
    table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    copied += pa.total_allocated_bytes() - before
    rows += table.num_rows
    importance += sum(table.column("importance").to_pylist())
    titles += table.column("title").to_pylist()
print(json.dumps({"python": platform.python_version(), "pyarrow": pa.__version__, "rows": rows,
                  "importance": round(importance, 6), "first": min(titles), "copied": copied}))
"""


def run(environment, script, *arguments):
    python = READERS / environment / "bin/python"
    if not python.exists():
        pytest.skip(f"{environment} is absent: scripts/setup.sh readers makes it where its Python is installed")
    done = subprocess.run([python, "-c", script, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A folder of segments as memory writes them, and the same rows from SQLite."""
    folder = tmp_path_factory.mktemp("readers")
    build = pathlib.Path(os.environ.get("RESONANT_PROGRAM", ROOT / "build/resonant")).resolve().parent
    subprocess.run([build / "tests/test_memory", "--gtest_filter=ArrowSample.*", "--gtest_brief=1"],
                   env=dict(os.environ, RESONANT_ARROW_SAMPLE=str(folder)), check=True)
    database = sqlite3.connect(f"file:{folder / 'home.db'}?mode=ro", uri=True)
    rows, importance, first = database.execute(
        "SELECT count(*), sum(m.importance), min(m.title) FROM memories m"
        " JOIN memory_embeddings e ON e.memory_id = m.id WHERE m.is_private = 0").fetchone()
    return folder / "sea", {"rows": rows, "importance": round(importance, 6), "first": first}


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12"])
def test_pyarrow_maps_the_segments_on_every_python(sample, version):
    folder, expected = sample
    found = run(f"pyarrow-{version}", SUMS, folder)
    print(f"ran: Python {found['python']} with pyarrow {found['pyarrow']}")
    assert found["python"].startswith(version + ".")
    assert found.pop("copied") == 0, "the files were copied, not mapped"
    assert {name: found[name] for name in expected} == expected


QUERIES = {
    "duckdb": """
import duckdb, json, sys
import pyarrow.dataset as ds
memories = ds.dataset(sys.argv[1].split(","), format="ipc")
galactic = ds.dataset(sys.argv[2], format="ipc")
rows, importance = duckdb.sql("SELECT count(*), sum(importance) FROM memories").fetchall()[0]
zones = duckdb.sql("SELECT zone, count(*) FROM galactic GROUP BY zone ORDER BY zone").fetchall()
print(json.dumps({"version": duckdb.__version__, "rows": rows, "importance": round(importance, 6),
                  "zones": [list(row) for row in zones]}))
""",
    "polars": """
import json, sys
import polars as pl
memories = pl.scan_ipc(sys.argv[1].split(","))
galactic = pl.scan_ipc(sys.argv[2])
sums = memories.select(pl.len().alias("rows"), pl.col("importance").sum()).collect().row(0)
zones = galactic.group_by("zone").len().sort("zone").collect().rows()
print(json.dumps({"version": pl.__version__, "rows": sums[0], "importance": round(sums[1], 6),
                  "zones": [list(row) for row in zones]}))
""",
    "datafusion": """
import json, sys
import datafusion
import pyarrow.dataset as ds
context = datafusion.SessionContext()
context.register_dataset("memories", ds.dataset(sys.argv[1].split(","), format="ipc"))
context.register_dataset("galactic", ds.dataset(sys.argv[2], format="ipc"))
sums = context.sql("SELECT count(*) AS n, sum(importance) AS s FROM memories").to_pylist()[0]
zones = context.sql("SELECT zone, count(*) AS n FROM galactic GROUP BY zone ORDER BY zone").to_pylist()
print(json.dumps({"version": datafusion.__version__, "rows": sums["n"], "importance": round(sums["s"], 6),
                  "zones": [[row["zone"], row["n"]] for row in zones]}))
""",
}


@pytest.fixture(scope="module")
def galactic(tmp_path_factory):
    """An engine's file, as a kernel leaves it, and what SQLite says of the same memories."""
    kernel = Kernel()
    client = kernel.client()
    for number in range(12):
        client.call("memory.add", {"content": f"the heron number {number} waits", "importance": number / 12,
                                   "protect": number == 0})
    answer = kernel.call("engine.output", {"engine": "galactic", "limit": 1000})
    zone = answer["columns"].index("zone")
    zones = {}
    for row in answer["values"]:
        zones[int(row[zone])] = zones.get(int(row[zone]), 0) + 1
    yield kernel.home / "engines" / "galactic.arrow", [list(item) for item in sorted(zones.items())]
    kernel.close()


@pytest.mark.parametrize("engine", sorted(QUERIES))
def test_query_engines_read_the_files_of_memory_and_engines(sample, galactic, engine):
    folder, expected = sample
    file, zones = galactic
    files = ",".join(str(each) for each in sorted(folder.rglob("*.arrow")))
    found = run("engines", QUERIES[engine], files, file)
    print(f"ran: {engine} {found['version']} on Python {platform.python_version()}")
    assert found["rows"] == expected["rows"]
    assert found["importance"] == expected["importance"]
    assert found["zones"] == zones
