"""Reads the sources as a reviewer would: python3 scripts/tidy.py. Each check counts as one test.

A finding is `file:line: what is wrong; the way out`. Only the standard library is used. Where a rule makes the
code worse, break it and say why, on the line before: `// tidy-allow(functions_fit_a_screen): one table, read as one`;
for a long file, near its head.
"""

import pathlib
import re
import sys

import tidy_cpp
import tidy_docs
import tidy_tools
from tidy_tree import Finding, Tree

# The floors of the house, lowest first: what each folder of resonant/ includes besides `base` and itself. It may include
# exactly that: an arrow that nobody uses is a wall with a hole.
FLOORS = {
    "base": set(),
    "shm": set(),
    "json": set(),
    "sql": set(),
    "embed": set(),
    "search": set(),
    "net": set(),
    "ipc": {"shm"},
    "board": {"shm"},
    "ring": {"shm"},
    "call": {"json"},
    "plane": {"board", "ring", "shm"},
    "memory": {"embed", "json", "search", "sql"},
    "client": {"plane", "shm"},
    "agents": {"plane", "shm"},
    "engines": {"board", "json", "memory", "plane", "shm", "sql"},
    "broker": {"embed", "json", "net"},
    "society": {"json", "sql"},
    "govern": {"board", "call", "sql"},
    "tools": {"agents", "board", "broker", "call", "embed", "engines", "govern", "ipc", "json", "memory", "plane", "ring", "search",
              "society", "sql"},
    "dispatch": {"board", "call", "govern", "json", "plane", "sql", "tools"},
    "mcp": {"call", "dispatch", "json", "net"},
    "clients": {"call", "json", "mcp"},
    "runtime": {"agents", "board", "broker", "call", "clients", "dispatch", "embed", "engines", "govern", "ipc", "json", "mcp",
                "memory", "net", "plane", "shm", "society", "sql", "tools"},
}

# Headers for programs outside this repository's own: nobody here includes them but tests.
FOR_OTHERS = {
    "resonant/plane/agent_plane.h",  # an agent outside the kernel
    "resonant/shm/handover.h",       # how it comes by its descriptors
    "resonant/tools/catalogue_page.h",  # writes docs/catalogue.md; a test compares
}

FILE_LINES_MAX = 500  # the aim is 150, seldom 400; a reader judges between
FUNCTION_LINES_MAX = 70
VAGUE_FOLDERS = {"utils", "util", "common", "core", "misc", "helpers", "helper", "manager"}
HEAVY_INCLUDE = re.compile(r'#\s*include\s*[<"]((?:arrow|boost|parquet)/[^>"]*|sqlite3\.h|iox2?/[^>"]*)[>"]')
# Words that do not belong in a repository: a promise without an issue, a path of one machine.
BANNED = [
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))"), "names no issue; write TODO(#12) or do it"),
    (re.compile(r"(?<![\w.])/(work|farm|root|home/\w+)/"), "is a path of one machine; take it from the environment"),
]
STDOUT = re.compile(r"\bstd::cout\b|(?<![\w:])(?:std::)?(?:printf|puts|putchar)\s*\(|\bfmt::print\(\s*[\"R]")


def include_table(tree):
    for source in tree.cpp("resonant"):
        folder = source.folder
        if folder not in FLOORS:
            yield Finding(source.path, 1, f"folder resonant/{folder} has no row in the table of scripts/tidy.py; add one")
            continue
        for line, target in source.includes():
            if target.startswith("resonant/"):
                other = target.split("/")[1]
                if other not in {folder, "base"} | FLOORS[folder]:
                    yield Finding(source.path, line, f"{folder} may not include {other}; "
                                  "move what is needed down, or let them meet one floor up")


def include_table_is_tight(tree):
    used = {(source.folder, target.split("/")[1]) for source in tree.cpp("resonant") for _, target in source.includes()
            if target.startswith("resonant/")}
    for folder, row in FLOORS.items():
        for other in sorted(row):
            if (folder, other) not in used:
                yield Finding(pathlib.Path("scripts/tidy.py"), 1, f"FLOORS lets {folder} include {other}, and nothing there "
                              "does; take it out of the row")


def headers_are_used(tree):
    users = {}
    for source in tree.cpp():
        for _, target in source.includes():
            users.setdefault(target, []).append(source.path)
    for header in tree.cpp("resonant", suffix=".h"):
        own = header.path.with_suffix(".cc")
        others = [p for p in users.get(str(header.path), []) if p != own and p.parts[0] != "tests"]
        if not others and str(header.path) not in FOR_OTHERS:
            yield Finding(header.path, 1, "nobody includes this header but its own source and tests; use it or remove it")


def sources_have_headers(tree):
    for source in tree.cpp("resonant", suffix=".cc"):
        included = [target for _, target in source.includes()]
        own = str(source.path.with_suffix(".h"))
        if tree.has(own) and included[:1] != [own]:
            yield Finding(source.path, 1, f"the first include is not {own}; put it first, so that it must stand alone")
        elif not any(pathlib.Path(target).parent == source.path.parent for target in included):
            yield Finding(source.path, 1, "includes no header of its folder; what it defines is declared nowhere near")
    for header in tree.cpp("resonant", suffix=".h"):
        for line, target in header.includes():
            if target.startswith("resonant/") and not tree.has(target):
                yield Finding(header.path, line, f"{target} does not exist")


def functions_fit_a_screen(tree):
    for source in tree.cpp():
        for name, line, length in tidy_cpp.functions(source.text):
            if length > FUNCTION_LINES_MAX:
                yield Finding(source.path, line, f"{name} has {length} lines, a function has at most "
                              f"{FUNCTION_LINES_MAX}; split it where a reader would pause")


def files_stay_short(tree):
    for source in [*tree.cpp(), *tree.files("*.py")]:
        if source.path.parts[0] != "tests" and len(source.lines) > FILE_LINES_MAX:
            yield Finding(source.path, FILE_LINES_MAX, f"{len(source.lines)} lines, a file has at most "
                          f"{FILE_LINES_MAX}; split it where a reader would pause")


def headers_introduce_themselves(tree):
    for header in tree.cpp("resonant", suffix=".h"):
        if not header.text.startswith("// "):
            yield Finding(header.path, 1, "a header starts with sentences that say what its noun is")
        if "#pragma once" not in header.text:
            yield Finding(header.path, 1, "#pragma once is missing")


def headers_are_light(tree):
    for header in tree.cpp("resonant", suffix=".h"):
        for number, text in enumerate(header.lines, 1):
            if match := HEAVY_INCLUDE.search(text):
                yield Finding(header.path, number, f"{match[1]} appears only in .cc files; declare and hide it")


def stdout_belongs_to_the_protocol(tree):
    for source in tree.cpp("resonant"):
        for number, text in enumerate(tidy_cpp.blank(source.text).splitlines(), 1):
            if STDOUT.search(text):
                yield Finding(source.path, number, "stdout belongs to MCP; use resonant::log() or return the text")


def no_banned_words(tree):
    for source in tree.all():
        if source.path == pathlib.Path("scripts/tidy.py") or source.path.parts[:2] == ("tests", "tidy"):
            continue  # the words stand here
        for number, text in enumerate(source.lines, 1):
            for pattern, way_out in BANNED:
                if match := pattern.search(text):
                    yield Finding(source.path, number, f"'{match[0].strip()}' {way_out}")


def folders_are_named_by_a_noun(tree):
    for source in tree.all():
        vague = VAGUE_FOLDERS & set(source.path.parts[:-1]) or VAGUE_FOLDERS & {source.path.stem}
        if vague:
            yield Finding(source.path, 1, f"'{vague.pop()}' says nothing; name it after one noun of the field")


def tests_are_sentences(tree):
    for source in tree.cpp("tests", suffix=".cc"):
        for line, suite, name in tidy_cpp.tests(source.text):
            if name.count("_") < 2 or name != name.lower() or name.startswith("DISABLED_"):
                yield Finding(source.path, line, f"{suite}.{name}: a test's name is a lower-case sentence of three words or more")


CHECKS = [
    include_table, include_table_is_tight, headers_are_used, sources_have_headers, functions_fit_a_screen, files_stay_short,
    headers_introduce_themselves, headers_are_light, stdout_belongs_to_the_protocol, no_banned_words,
    folders_are_named_by_a_noun, tests_are_sentences, tidy_cpp.headers_compile_alone,
    tidy_docs.links_lead_somewhere, tidy_docs.paths_exist, tidy_docs.glossary_is_true,
    tidy_docs.layouts_have_pages, tidy_tools.handlers_read_what_is_declared,
]


def run(root, checks=None):
    """Runs every check over the tree at `root`; returns (name, findings) of each."""
    tree = Tree(pathlib.Path(root))
    return [(check.__name__, sorted({finding for finding in check(tree) if not allowed(tree, check.__name__, finding)}))
            for check in checks or CHECKS]


def allowed(tree, check, finding):
    """Whether the source says why it breaks this rule here."""
    lines = tree.lines(finding.path)
    near = lines[:20] if check == "files_stay_short" else lines[max(finding.line - 2, 0):finding.line]
    return any(re.search(rf"tidy-allow\({check}\): \S+", line) for line in near)


def report(results):
    """Prints what was found; returns how many checks passed and failed."""
    for name, findings in results:
        if findings:
            print(f"tidy: {name.replace('_', ' ')}: {len(findings)} found")
            for finding in findings:
                print(f"  {finding.path}:{finding.line}: {finding.words}")
    failed = sum(1 for _, findings in results if findings)
    print(f"tidy                     {len(results) - failed} passed, {failed} failed", flush=True)
    return len(results) - failed, failed


if __name__ == "__main__":
    sys.exit(1 if report(run(pathlib.Path(__file__).resolve().parent.parent))[1] else 0)
