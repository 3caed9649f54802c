"""The client half of the protocol's own conformance suites: what our gateway sends to other servers."""

import os
import subprocess
import sys

import pytest

from test_conformance import SUITES
from wire import ROOT

CLIENT = ROOT / "tests/python/conformance_client.py"
PATIENCE = 120  # seconds; a bound, never a measure

# release, scenario, revision. What is left out: OAuth with a person in it (docs/rough_edges.md), and what asks the client's own user.
RUNS = [
    ("0.1.16", "elicitation-sep1034-client-defaults", "2025-11-25"),
    ("0.1.16", "sse-retry", "2025-11-25"),
    ("0.2.0-alpha.12", "sep-2322-client-request-state", "2026-07-28"),
    ("0.2.0-alpha.12", "http-invalid-tool-headers", "2026-07-28"),
]
if os.environ.get("RESONANT_LONG") == "1":
    RUNS += [
        ("0.2.0-alpha.12", "auth/client-credentials-basic", "2025-11-25"),
        ("0.1.16", "initialize", "2025-11-25"),
        ("0.1.16", "tools_call", "2025-11-25"),
        ("0.2.0-alpha.12", "tools_call", "2026-07-28"),
        ("0.2.0-alpha.12", "http-standard-headers", "2026-07-28"),
        ("0.2.0-alpha.12", "http-custom-headers", "2026-07-28"),
        ("0.2.0-alpha.12", "json-schema-ref-no-deref", "2026-07-28"),
        ("0.2.0-alpha.12", "json-schema-2020-12-preservation", "2026-07-28"),
        ("0.2.0-alpha.12", "json-schema-2020-12-preservation", "2025-11-25"),
    ]
EXTENSIONS = {"auth/client-credentials-basic"}  # on no revision's own list


@pytest.mark.parametrize("release,scenario,revision", RUNS)
def test_the_gateway_passes_as_a_client(release, scenario, revision, tmp_path):
    program = SUITES / release / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    assert program.exists(), "the suites are missing; install them with: scripts/setup.sh conformance"
    environment = dict(os.environ, PATH=f"{SUITES}/bin:{os.environ['PATH']}")
    done = subprocess.run(
        ["node", program, "client", "--command", f"{sys.executable} {CLIENT}", "--scenario", scenario, "--spec-version",
         revision, "-o", tmp_path, *(["--force"] if scenario in EXTENSIONS else [])],
        env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and " 0 failed" in done.stdout + done.stderr, done.stdout[-4000:] + done.stderr[-4000:]
