"""The files that tidy reads, loaded once."""

import functools
import pathlib
import re
from typing import NamedTuple

ROOTS = ("resonant", "apps", "bindings", "include", "tests", "bench", "fuzz", "examples", "scripts", "docs", "cmake", "web", ".ci")
TEXT = {".h", ".cc", ".py", ".sh", ".md", ".cmake", ".txt", ".json", ".yaml", ".toml", ".html", ".css", ".js", ""}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


class Finding(NamedTuple):
    path: pathlib.Path
    line: int
    words: str


class Source:
    """One text file; `path` is relative to the root of the repository."""

    def __init__(self, root, path):
        self.path = path
        self.text = (root / path).read_text(encoding="utf-8", errors="replace")

    @functools.cached_property
    def lines(self):
        return self.text.splitlines()

    @property
    def folder(self):
        return self.path.parts[1] if len(self.path.parts) > 2 else ""

    def includes(self):
        for number, text in enumerate(self.lines, 1):
            if match := INCLUDE.match(text):
                yield number, match[1]


class Tree:
    def __init__(self, root):
        self.root = root
        paths = [path for path in root.iterdir() if path.is_file()]
        for name in ROOTS:
            paths += [path for path in (root / name).rglob("*") if path.is_file()]
        paths = sorted(path.relative_to(root) for path in paths
                       if path.suffix in TEXT and not {"corpus", "__pycache__"} & set(path.parts))
        self._sources = [Source(root, path) for path in paths]
        self._paths = {str(path) for path in paths}

    def all(self):
        return self._sources

    def has(self, path):
        return str(path) in self._paths

    def lines(self, path):
        return next((source.lines for source in self._sources if source.path == path), [])

    def files(self, pattern):
        return [source for source in self._sources if source.path.match(pattern)]

    def cpp(self, under="", suffix=""):
        """C++ files, below one top folder and of one suffix when these are given."""
        return [source for source in self._sources
                if source.path.suffix in ((suffix,) if suffix else (".h", ".cc"))
                and (not under or source.path.parts[0] == under)]
