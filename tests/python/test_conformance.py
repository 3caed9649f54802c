"""The protocol's own conformance suites, both releases, both eras: what they require passes, all of it."""

import os
import re
import subprocess

import pytest

from wire import ROOT, Kernel

SUITES = ROOT / "build/conformance"
PATIENCE = 300  # seconds; a bound, never a measure

# release, arguments, scenarios that are optional and not built yet
RUNS = {
    "0.1.16, all": ("0.1.16", ["--suite", "all"], 44, ""),
    "0.2.0, 2025-11-25": ("0.2.0-alpha.12", ["--requirements", "2025-11-25"], 82, ""),
    "0.2.0, 2026-07-28": ("0.2.0-alpha.12", ["--requirements", "2026-07-28"], 121, ""),
}


@pytest.fixture(scope="module")
def url():
    with Kernel(flags=("--http", "127.0.0.1:0", "--no-token", "--conformance")) as kernel:
        yield kernel.run("--json", "status")["http"]


@pytest.mark.parametrize("run", RUNS)
def test_the_conformance_suite_passes(run, url, tmp_path):
    release, arguments, least, optional = RUNS[run]
    program = SUITES / release / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    assert program.exists(), "the suites are missing; install them with: scripts/setup.sh conformance"
    environment = dict(os.environ, PATH=f"{SUITES}/bin:{os.environ['PATH']}")
    done = subprocess.run(["node", program, "server", "--url", url, *arguments, "-o", tmp_path],
                          env=environment, capture_output=True, text=True, timeout=PATIENCE)
    summary = done.stdout[done.stdout.rfind("=== SUMMARY ==="):]
    rows = re.findall(r"([✓✗]) ([a-z0-9-]+): (\d+) passed, (\d+) failed", summary)
    scored = [(name, int(passed), int(failed)) for _, name, passed, failed in rows
              if not (optional and name.startswith(optional))]
    assert scored, done.stdout[-4000:] + done.stderr[-4000:]
    assert [row for row in scored if row[2]] == [], done.stdout[-8000:]
    assert sum(passed for _, passed, _ in scored) >= least
    assert done.returncode == 0, "what the release requires did not pass"
    print(f"{run}: {sum(passed for _, passed, _ in scored)} checks passed in {len(scored)} scenarios")
