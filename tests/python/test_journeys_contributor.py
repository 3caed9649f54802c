"""A contributor's first hour at `./dev`: a wrong name is refused in words before anything is installed, built or changed.

Programs that would install or build are replaced by ones that note that they were called.
"""

import os
import shutil
import subprocess

import pytest

from wire import ROOT

INSTALLERS = ("apt-get", "sudo", "cmake", "ninja", "cargo", "clang-format", "clang-tidy-19")


@pytest.fixture
def dev(tmp_path):
    """./dev of a copy of the front door and its scripts, on a machine where nothing can be installed."""
    tree, fake = tmp_path / "tree", tmp_path / "fake"
    fake.mkdir()
    for name in INSTALLERS:
        (fake / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/called"\nexit 97\n')
        (fake / name).chmod(0o755)
    for folder in ("scripts", "fuzz", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dev", tree / "dev")
    (tree / "one.cc").write_text("int  main( ) { return 0 ; }\n")
    (tree / "other.cc").write_text("int  other( ) { return 0 ; }\n")
    environment = {**os.environ, "PATH": f"{fake}:{os.environ['PATH']}", "RESONANT_SKIP_PACKAGES": "1"}

    def run(*words):
        done = subprocess.run([tree / "dev", *words], env=environment, capture_output=True, text=True, timeout=60)
        called = tmp_path / "called"
        done.called = called.read_text().splitlines() if called.exists() else []
        return done

    return run


@pytest.mark.parametrize("words, names", [
    (("frobnicate",), "frobnicate"),
    (("test", "nosuchthing"), "folders:"),
    (("asan", "nosuchthing"), "folders:"),
    (("tsan", "nosuchthing"), "folders:"),
    (("fuzz", "nosuch", "1"), "targets: board"),
    (("fuzz", "json", "soon"), "seconds"),
    (("lint", "nosuch.cc"), "nosuch.cc"),
    (("format", "nosuch.cc"), "nosuch.cc"),
    (("bench", "nosuch"), "nosuch"),
    (("tidy", "nosuch"), "one word too many"),
    (("setup", "nosuch"), "one word too many"),
    (("ci", "nosuch"), "one word too many"),
])
def test_a_name_that_dev_does_not_know_is_refused_before_anything_is_installed_or_built(dev, words, names):
    done = dev(*words)
    assert done.returncode == 2 and names in done.stderr, done
    assert done.called == []


def test_format_of_one_file_touches_that_file_alone(dev):
    assert dev("format", "one.cc").called == ["clang-format -i -- one.cc"]


def test_every_fuzz_target_has_the_corpus_by_which_dev_knows_its_name():
    source = (ROOT / "CMakeLists.txt").read_text()
    targets = source.split("add_custom_target(fuzzers)")[1].split("foreach(name ")[1].split(")")[0].split()
    assert sorted(targets) == sorted(path.name for path in (ROOT / "fuzz" / "corpus").iterdir())
