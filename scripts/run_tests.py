"""Runs the tests of a build tree and counts them.

    python scripts/run_tests.py [--build build] [--only-cpp] [NAME]

C++ first (one program a folder of tests/, two at a time), then pytest, then tidy. NAME keeps what matches:
a folder (`ring`), a file (`overflow`), or part of a test's name. Ends with `N passed, N failed`.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import tidy  # noqa: E402

# Of one test program; the long forms and the sanitizers take their time.
PROGRAM_SECONDS_MAX = 300
LONG_PROGRAM_SECONDS_MAX = 3_600
FAILED_LINES_SHOWN = 400  # the last ones of a program that failed
PYTHON_FOLDERS = ("tests/python", "tests/tidy")
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/thread_sanitizer.supp",
}


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def environment(build):
    env = dict(os.environ, RESONANT_PROGRAM=str(build / "resonant"), PYTHONDONTWRITEBYTECODE="1")
    env.setdefault("RESONANT_MODEL", str(ROOT / "build/model"))
    for name, value in SANITIZER_OPTIONS.items():
        env.setdefault(name, value)
    return env


def seconds_max(env, build):
    return LONG_PROGRAM_SECONDS_MAX if env.get("RESONANT_LONG") or build.name != "build" else PROGRAM_SECONDS_MAX


def gtest_filter(program, name):
    """The filter that keeps what NAME means for this program, or None when nothing does."""
    if not name or program.name == f"test_{name}":
        return "*"
    listing = subprocess.run([program, "--gtest_list_tests"], capture_output=True, text=True, check=True).stdout
    folder = ROOT / "tests" / program.name.removeprefix("test_")
    for file in folder.glob(f"*{name}*_test.cc"):
        suites = {line.split("(")[1].split(",")[0] for line in file.read_text().splitlines()
                  if line.startswith(("TEST(", "TEST_F(", "TEST_P("))}
        if suites:
            return ":".join(f"{suite}.*:*/{suite}.*" for suite in sorted(suites))
    return f"*{name}*" if name.lower() in listing.lower() else None


def processor():
    """What the figures and kernels of a run belong to: the model, and those of its features that we have kernels for."""
    facts = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    flags = set(facts.get("flags", "").split())
    wanted = ("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16")
    return (f"cpu: {facts.get('model name', 'unknown')}, {os.cpu_count()} processors; "
            f"has {' '.join(f for f in wanted if f in flags) or 'none of our features'}; "
            f"lacks {' '.join(f for f in wanted if f not in flags) or 'none'}")


def kernels_of(cases):
    """The kernels that a program's tests ran, and those that this processor cannot run."""
    for case in cases:
        if "kernels_run" in case:
            return f"\n    kernels run: {case['kernels_run']}; NOT run, this processor lacks them: {case['kernels_lacking'] or 'none'}"
    return ""


def cases_of(report):
    """The test cases of a program's JSON report; none when it died before writing one."""
    try:
        return [case for suite in json.loads(report.read_text())["testsuites"] for case in suite["testsuite"]]
    except (OSError, ValueError):
        return None


def count_gtest(cases, exit_code):
    """Counts of a program's test cases; a program without a report is a failure."""
    if cases is None:
        return Counts(failed=1)
    counts = Counts()
    for case in cases:
        if case.get("failures"):
            counts.failed += 1
        elif case["result"] == "SKIPPED":
            counts.skipped += 1
        elif case["status"] == "RUN":
            counts.passed += 1
    if exit_code != 0 and counts.failed == 0:
        counts.failed += 1  # passed every test and died afterwards: a leak, a sanitizer's report
    return counts


def run_program(program, chosen, env, scratch, patience):
    report = scratch / f"{program.name}.json"
    started = time.monotonic()
    command = [program, f"--gtest_filter={chosen}", f"--gtest_output=json:{report}", "--gtest_brief=1"]
    try:
        run = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, errors="replace", timeout=patience)
        output, code = run.stdout, run.returncode
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode(errors="replace")
        output, code = f"{said}\nstopped after {patience} s", -1
    cases = cases_of(report)
    counts = count_gtest(cases, code)
    if code < 0 or not report.exists():
        output += f"\n{program.name} ended with {code}; run it alone: {program}"
    output = "\n".join(output.splitlines()[-FAILED_LINES_SHOWN:])
    line = f"{program.name:24} {counts}  ({time.monotonic() - started:.1f} s)" + kernels_of(cases or [])
    return line + (f"\n{output}" if counts.failed else ""), counts


def run_cpp(build, name, env):
    programs = sorted((build / "tests").glob("test_*"))
    chosen = [(program, keep) for program in programs
              if program.is_file() and (keep := gtest_filter(program, name))]
    total, patience = Counts(), seconds_max(env, build)
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(run_program, program, keep, env, pathlib.Path(scratch), patience) for program, keep in chosen]
        for done in concurrent.futures.as_completed(waiting):
            words, counts = done.result()
            print(words, flush=True)
            total.add(counts)
    return total


def run_python(name, env):
    folders = [folder for folder in PYTHON_FOLDERS if any((ROOT / folder).glob("test_*.py"))]
    if not folders:
        return Counts()
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *folders]
        if name:
            command += ["-k", name]
        code = subprocess.run(command, cwd=ROOT, env=env).returncode
        if not report.exists():
            return Counts(failed=1)
        suite = xml.etree.ElementTree.parse(report).getroot().find("testsuite")
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    skipped = int(suite.get("skipped"))
    if code not in (0, 1, 5):  # 5: nothing matched NAME
        failed = max(failed, 1)
    return Counts(int(suite.get("tests")) - failed - skipped, failed, skipped)


def run_tidy():
    passed, failed = tidy.report(tidy.run(ROOT))
    return Counts(passed, failed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--only-cpp", action="store_true")
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    env = environment(build)

    total = Counts()
    print(processor(), flush=True)
    if options.name != "tidy":
        total.add(run_cpp(build, options.name, env))
        if not options.only_cpp:
            total.add(run_python(options.name, env))
    if not options.only_cpp and options.name in ("", "tidy"):
        total.add(run_tidy())
    if total.passed + total.failed + total.skipped == 0:
        print(f"no test matches '{options.name}'; folders: {', '.join(sorted(p.name for p in (ROOT / 'tests').iterdir()))}")
        sys.exit(2)
    print(total)
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
