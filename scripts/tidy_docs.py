"""What tidy knows of the documentation: links, paths, the glossary, the pages of shared layouts."""

import re

import tidy_cpp
from tidy_tree import Finding

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TICKED_PATH = re.compile(r"`((?:resonant|apps|docs|scripts|tests|bench|fuzz|examples|cmake|web|bindings|include)/[\w./-]*)`")
FORMAT_PAGE = re.compile(r"docs/formats/[\w-]+\.md")
MAGIC = re.compile(r"constexpr[^=;]*\bk\w*Magic\w*\s*[={]")
FENCE = re.compile(r"^```.*?^```", re.S | re.M)


def links_lead_somewhere(tree):
    for page in tree.files("*.md"):
        for number, text in outside_fences(page):
            for target in LINK.findall(text):
                path = target.split("#")[0]
                if path and "://" not in target and not (tree.root / page.path.parent / path).exists():
                    yield Finding(page.path, number, f"link to {target}: no such file")


def paths_exist(tree):
    for page in tree.files("*.md"):
        for number, text in outside_fences(page):
            for path in TICKED_PATH.findall(text):
                if not (tree.root / path).exists():
                    yield Finding(page.path, number, f"`{path}`: no such file or folder")


def outside_fences(page):
    text = FENCE.sub(lambda match: "\n" * match[0].count("\n"), page.text)
    return enumerate(text.splitlines(), 1)


def glossary_is_true(tree):
    """Rows are | seed name | symbol | test | state |. A row that is not `later` names a symbol of the
    sources and a test that exists: Suite.name, or file.py::name."""
    page = next((page for page in tree.files("docs/glossary.md")), None)
    if page is None:
        return
    tests = all_tests(tree)
    words = set()
    for source in [*tree.cpp(), *tree.files("*.py")]:
        if source.path.parts[0] != "tests":
            words.update(re.findall(r"\w+", source.text))
    for number, text in outside_fences(page):
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
        if not text.startswith("|") or len(cells) != 4 or cells[0] in ("seed", "") or set(cells[0]) <= set("-: "):
            continue
        _, symbol, test, state = cells
        if state not in ("done", "part", "later"):
            yield Finding(page.path, number, f"state '{state}' is none of done, part, later")
        if state == "later":
            continue
        names = re.findall(r"`([^`]+)`", symbol)
        if not names:
            yield Finding(page.path, number, "a row that is not `later` names our symbol in `ticks`")
        for name in names:
            last = re.findall(r"\w+", name)[-1]
            if last not in words and not (tree.root / name).exists():
                yield Finding(page.path, number, f"symbol {name} is not in the sources")
        for name in re.findall(r"`([^`]+)`", test) or [""]:
            if name not in tests:
                yield Finding(page.path, number, f"test '{name}' does not exist; name one that shows it, or say later")


def all_tests(tree):
    names = set()
    for source in tree.cpp("tests", suffix=".cc"):
        names.update(f"{suite}.{name}" for _, suite, name in tidy_cpp.tests(source.text))
    for source in tree.files("test_*.py"):
        names.update(f"{source.path.name}::{name}" for name in re.findall(r"^(?:async )?def (test_\w+)", source.text, re.M))
    return names


def layouts_have_pages(tree):
    """A source with a magic number lays out bytes for others to read, and names the page that says how."""
    for source in tree.cpp("resonant"):
        pages = FORMAT_PAGE.findall(source.text)
        for page in pages:
            if not tree.has(page):
                yield Finding(source.path, 1, f"{page} does not exist; write it")
        if not pages and MAGIC.search(source.text):
            header = source.path.with_suffix(".h")
            if not any(FORMAT_PAGE.search(other.text) for other in tree.cpp("resonant") if other.path == header):
                yield Finding(source.path, 1, "has a magic number, so its layout needs a page in docs/formats that it names")
