"""What `./dev test NAME` has to set up and build: two lines, words for scripts/setup.sh and targets for ninja.

    python3 scripts/test_needs.py NAME

NAME is what run_tests.py takes: a folder of tests/, a part of a file's name, or a part of a test's name. Exits 2 when no
test matches, before anything is built.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SETUP_CPP = "packages rust venv bindings model schema_suite"
SETUP_PYTHON = "packages rust venv bindings model manpages conformance upstreams schema_suite readers clients"
# What the tests in Python drive: the program, its client library, the examples, the module.
PYTHON_TARGETS = ["resonant", "attach_c", "attach_cc", "data_sea_nearest", "python_module"]
CASE = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\s*\)", re.M)


def cpp_targets(name):
    """The test programs that hold a test of this name, read from the sources as run_tests.py reads the programs."""
    targets = []
    for folder in sorted(path for path in (ROOT / "tests").iterdir() if path.is_dir()):
        files = sorted(folder.glob("*_test.cc"))
        wanted = folder.name == name or any(name in file.name.removesuffix("_test.cc") for file in files)
        wanted = wanted or any(name.lower() in part.lower() for file in files for case in CASE.findall(file.read_text())
                               for part in case)
        if files and wanted:
            targets.append(f"test_{folder.name}")
    return targets


def drives_the_program(name):
    """Whether pytest -k NAME keeps something."""
    for folder in ("python", "tidy"):
        for file in (ROOT / "tests" / folder).glob("test_*.py"):
            names = [file.name, *re.findall(r"^def (test_\w+)", file.read_text(), re.M), *re.findall(r"^class (\w+)", file.read_text(), re.M)]
            if any(name.lower() in each.lower() for each in names):
                return folder == "python"
    return False


def main():
    name = sys.argv[1]
    if name == "tidy":
        print("packages venv\n")
        return
    python = drives_the_program(name)
    targets = cpp_targets(name) + (PYTHON_TARGETS if python else [])
    if not targets and not any((ROOT / "tests" / "tidy").glob(f"*{name}*")):
        folders = ", ".join(sorted(path.name for path in (ROOT / "tests").iterdir() if path.is_dir()))
        print(f"no test matches '{name}'; folders: {folders}", file=sys.stderr)
        sys.exit(2)
    print(SETUP_PYTHON if python else SETUP_CPP)
    print(" ".join(targets))


if __name__ == "__main__":
    main()
