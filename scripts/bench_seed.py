"""The six rows of the founding design's appendix B, each beside ours: ./dev bench seed --json.

Runs the benchmarks that make them and prints one JSON document. Current, target and paper are the seed's own
figures, from other machines; ours are measured here, now.
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# name, unit, lower is better, (subject, row, factor to the unit), current, target, paper
ROWS = [
    ("state_board_read", "us", True, ("board", "field_read", 1e-3), "2.3 (mmap); 5-50 (dict)", "< 1", "< 0.1"),
    ("event_publish", "ns", True, ("ring", "publish_event", 1), "387 (ring); 100,000 (Redis)", "< 500", "100"),
    ("dispatch_precheck", "us", True, ("dispatch", "precheck_deny", 1e-3), "1.6 (Zig); 40 (8 calls in Python)", "< 2", "< 2"),
    ("embedding_search", "ms", True, ("search", "exact_5562", 1e-3), "629 (SQLite, warm)", "< 50", "< 10"),
    ("agent_footprint", "bytes", True, ("monitors", "bytes_each", 1), "10,000,000 (Python)", "512", "512"),
    ("event_throughput", "M/s", False, ("ring", "throughput_1p1c", 1), "2.58 (ring); 0.01 (Redis)", "> 1", "> 1"),
]
# What a subject is asked beside --json.
MORE = {"search": ["--rows", "5562"]}


def run(subject):
    print(f"bench seed: {subject}", file=sys.stderr, flush=True)
    command = [ROOT / "dev", "bench", subject, "--json", *MORE.get(subject, [])]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def main():
    documents = {subject: run(subject) for subject in dict.fromkeys(row[3][0] for row in ROWS)}
    rows = []
    for name, unit, lower, (subject, source, factor), current, target, paper in ROWS:
        found = next((row for row in documents[subject]["rows"] if row["name"] == source), None)
        if found is None:
            raise SystemExit(f"bench seed: bench_{subject} gives no row {source}; name another one in ROWS")
        rows.append({"name": name, "unit": unit, "better": "lower" if lower else "higher",
                     "min": found["min"] * factor, "p50": found["p50"] * factor,
                     "seed_current": current, "seed_target": target, "seed_paper": paper,
                     "from": f"./dev bench {subject} --json, row {source}, in {found['unit']}",
                     "peer": None, "peer_version": None, "peer_p50": None, "ratio": None})
    print(json.dumps({"subject": "seed", "machine": documents["board"]["machine"], "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
