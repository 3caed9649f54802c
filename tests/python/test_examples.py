"""The examples run as their READMEs say."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("RESONANT_PROGRAM", str(ROOT / "build/resonant"))

from wire import FAMILIES


def test_the_python_client_stores_a_note_and_finds_it_by_its_meaning(tmp_path):
    home = tmp_path / "home"
    command = [sys.executable, ROOT / "examples/python_client/client.py", BINARY, home]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    subprocess.run([BINARY, "--home", home, "down"], capture_output=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"{FAMILIES} tools, the first is gana_horn_sessions")
    assert "boils in three minutes" in run.stdout
