"""What a user would search vectors with instead, timed where it lives: one question a line on stdin, one figure a line
on stdout (bench/peer.h). Run by bench_search with one thread on one core.

    peer.py FOLDER N        reads FOLDER/base-N.f32, zones-N.u8, queries.f32, truth-N.u32

    open ENGINE             seconds it took to make the index (as measured when it was made), then it is ready
    build ENGINE PART PARTS seconds it took to add that part of the rows; after the last the index is in its file
    recall ENGINE           share of the true ten that it finds
    ENGINE FROM COUNT       median nanoseconds of a query among queries FROM to FROM + COUNT

Engines: flat, flat_filtered (faiss IndexFlatIP, zone <= 1 by IDSelectorBitmap); sqlite (BLOB rows, joined and multiplied
in numpy); hnsw, ivf (faiss), usearch (bf16 HNSW): each with the least effort that finds at least 0.98.
"""

import json
import os
import pathlib
import sqlite3
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

import numpy as np  # noqa: E402  (after the environment that it reads)

DIMENSIONS = 384
K = 10
RECALL = 0.98


def top(scores):
    best = np.argpartition(-scores, K)[:K]
    return best[np.argsort(-scores[best])]


class Flat:
    def make(self, data):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.IndexFlatIP(DIMENSIONS)
        self.index.add(data.base)

    def search(self, query):
        return self.index.search(query[None], K)[1][0]


class FlatFiltered(Flat):
    def make(self, data):
        import faiss

        super().make(data)
        self.bits = np.packbits(data.zones <= 1, bitorder="little")
        self.parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(self.bits))

    def search(self, query):
        return self.index.search(query[None], K, params=self.parameters)[1][0]


class Sqlite:
    def make(self, data):
        path = data.folder / f"peer-{data.count}.db"
        path.unlink(missing_ok=True)
        self.database = sqlite3.connect(path)
        self.database.execute("pragma journal_mode=wal")
        self.database.execute("create table m(id integer primary key, zone int, e blob)")
        self.database.executemany("insert into m values(?,?,?)",
                                  ((i, int(data.zones[i]), row.tobytes()) for i, row in enumerate(data.base)))
        self.database.commit()

    def search(self, query):
        rows = self.database.execute("select id, e from m").fetchall()
        matrix = np.frombuffer(b"".join(e for _, e in rows), np.float32).reshape(len(rows), -1)
        return top(matrix @ query)


class Approximate:
    """An index that is kept in a file, with an effort that is raised until it finds enough."""

    efforts = (16, 24, 32, 48, 64, 96, 128, 192, 256, 512)

    def path_of(self, data):
        return data.folder / f"{type(self).__name__.lower()}-{data.count}.index"

    def make(self, data):
        self.path = self.path_of(data)
        if not self.path.exists():
            self.build(data)
        self.load()
        for effort in self.efforts:
            self.effort(effort)
            if data.recall(self) >= RECALL:
                break
        print(f"{type(self).__name__}: effort {effort}, recall {data.recall(self):.3f}", file=sys.stderr)


class Hnsw(Approximate):
    def begin(self):
        import faiss

        faiss.omp_set_num_threads(1)
        index = faiss.IndexHNSWFlat(DIMENSIONS, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 100
        return index

    def build(self, data):
        self.add_part(data, 0, 1)

    def add_part(self, data, part, parts):
        import faiss

        self.path = self.path_of(data)
        if part == 0:
            self.index = self.begin()
        started = time.process_time()
        self.index.add(data.base[data.count * part // parts : data.count * (part + 1) // parts])
        taken = time.process_time() - started
        if part + 1 == parts:
            faiss.write_index(self.index, str(self.path))
        return taken

    def load(self):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(self.path))

    def effort(self, effort):
        self.index.hnsw.efSearch = effort

    def search(self, query):
        return self.index.search(query[None], K)[1][0]


class Ivf(Approximate):
    def build(self, data):
        import faiss

        faiss.omp_set_num_threads(1)
        lists = int(2 * data.count**0.5)
        index = faiss.index_factory(DIMENSIONS, f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
        picks = np.random.default_rng(1).choice(data.count, min(data.count, 39 * lists), replace=False)
        index.train(data.base[picks])
        index.add(data.base)
        faiss.write_index(index, str(self.path))

    def load(self):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(self.path))

    def effort(self, effort):
        self.index.nprobe = effort

    def search(self, query):
        return self.index.search(query[None], K)[1][0]


class Usearch(Approximate):
    def build(self, data):
        from usearch.index import Index

        index = Index(ndim=DIMENSIONS, metric="ip", dtype="bf16")
        index.add(np.arange(data.count), data.base, threads=1)
        index.save(str(self.path))

    def load(self):
        from usearch.index import Index

        self.index = Index.restore(str(self.path), view=True)

    def effort(self, effort):
        self.index.expansion_search = effort

    def search(self, query):
        return self.index.search(query, K, threads=1).keys


ENGINES = {"flat": Flat, "flat_filtered": FlatFiltered, "sqlite": Sqlite, "hnsw": Hnsw, "ivf": Ivf, "usearch": Usearch}


class Data:
    def __init__(self, folder, count):
        self.folder, self.count = pathlib.Path(folder), count
        self.base = np.memmap(self.folder / f"base-{count}.f32", np.float32, "r").reshape(count, DIMENSIONS)
        self.zones = np.fromfile(self.folder / f"zones-{count}.u8", np.uint8)
        self.queries = np.fromfile(self.folder / "queries.f32", np.float32).reshape(-1, DIMENSIONS)
        self.engines = {}

    def truth(self):
        return np.fromfile(self.folder / f"truth-{self.count}.u32", np.uint32).reshape(-1, K)

    def recall(self, engine):
        truth = self.truth()
        found = [set(int(i) for i in engine.search(query)) for query in self.queries[: len(truth)]]
        return float(np.mean([len(ids & set(true.tolist())) / K for ids, true in zip(found, truth)]))

    def open(self, name):
        """Seconds to make the index: of this run, or of the one that made its file."""
        engine = ENGINES[name]()
        fresh = not isinstance(engine, Approximate) or not engine.path_of(self).exists()
        started = time.process_time()  # the machine may be busy: what it cost, not how long it took
        engine.make(self)
        if fresh:
            self.builds(name, time.process_time() - started)
        self.engines[name] = engine
        return self.builds(name)

    def builds(self, name, seconds=None):
        """What making the index takes is kept beside its file."""
        notes = self.folder / "peer-builds.json"
        known = json.loads(notes.read_text()) if notes.exists() else {}
        key = f"{name}-{self.count}"
        if seconds is not None:
            known[key] = seconds
            notes.write_text(json.dumps(known))
        return known.get(key, 0.0)

    def build(self, name, part, parts):
        if part == 0:
            self.growing, self.grown = ENGINES[name](), 0.0
        taken = self.growing.add_part(self, part, parts)
        self.grown += taken
        if part + 1 == parts:
            self.builds(name, self.grown)
        return taken

    def time(self, name, start, count):
        engine = self.engines[name]
        times = []
        for query in self.queries[start : start + count]:
            before = time.perf_counter_ns()
            engine.search(query)
            times.append(time.perf_counter_ns() - before)
        return statistics.median(times)


def main():
    data = Data(sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        words = line.split()
        if words[0] == "open":
            figure = data.open(words[1])
        elif words[0] == "build":
            figure = data.build(words[1], int(words[2]), int(words[3]))
        elif words[0] == "recall":
            figure = data.recall(data.engines[words[1]])
        else:
            figure = data.time(words[0], int(words[1]), int(words[2]))
        print(figure, flush=True)


if __name__ == "__main__":
    main()
