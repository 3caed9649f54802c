"""What tidy understands of C++: enough to find functions, tests and headers, and no more."""

import concurrent.futures
import hashlib
import re
import subprocess

from tidy_tree import Finding

# Comments, raw strings, strings and characters: what must not be mistaken for code.
OPAQUE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)
PREPROCESSOR = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
ACCESS = re.compile(r"\b(?:public|private|protected):")
TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\s*\)", re.M)
FLAGS = ["-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror",
         "-DRESONANT_FAULT_POINTS=1", "-I."]


def blank(text):
    """The text with comments, strings and preprocessor lines replaced by spaces, line for line."""
    def keep_lines(match):
        return re.sub(r"[^\n]", " ", match[0])
    return PREPROCESSOR.sub(keep_lines, OPAQUE.sub(keep_lines, text))


def functions(text):
    """Yields (name, first line, lines) of each function that has a body."""
    code = blank(text)
    stack, head = [], 0  # what each open brace belongs to; where the text before the next brace starts
    for match in re.finditer(r"[{};]", code):
        at, mark = match.start(), match[0]
        if mark == "{":
            words = ACCESS.sub(lambda found: " " * len(found[0]), code[head:at])
            kind = "value" if code[at - 1:at].isalnum() or code[at - 1:at] in "_>" else kind_of(words, stack)
            stack.append((kind, head + len(words) - len(words.lstrip()), words))
            if kind == "value":  # the braces of `count_{0}` end no sentence
                continue
        elif mark == "}" and stack:
            kind, start, words = stack.pop()
            if kind == "function":
                first = code.count("\n", 0, start) + 1
                name = re.search(r"([\w:~]+|operator\W+)\s*\(", words)
                yield (name[1] if name else "a function"), first, code.count("\n", start, at) + 1
            if kind == "value":
                continue
        if mark != ";" or not open_parenthesis(code[head:at]):
            head = match.end()


def kind_of(words, stack):
    if stack and stack[-1][0] in ("function", "block"):
        return "block"
    if re.search(r"\bnamespace\b|\bextern\s*$", words) or not words.strip():
        return "scope"
    if re.search(r"\b(class|struct|union|enum)\b[^()]*$", words) and "(" not in words.split("struct")[0].split("class")[0]:
        return "scope"
    return "function" if "(" in words and not re.search(r"=\s*$", words) else "block"


def open_parenthesis(words):
    return words.count("(") > words.count(")")


def tests(text):
    """Yields (line, suite, name) of each GoogleTest case."""
    for match in TEST.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1], match[2]


def headers_compile_alone(tree):
    """A header that some .cc includes first is proven by the build; the others are compiled here.

    What compiled once is remembered in build/tidy by the hash of the header and all it includes.
    """
    proven = {next((target for _, target in source.includes()), "") for source in tree.cpp(suffix=".cc")}
    headers = [h for h in tree.cpp("resonant", suffix=".h") if str(h.path) not in proven]
    by_path = {str(source.path): source for source in tree.cpp(suffix=".h")}
    cache = tree.root / "build/tidy"
    cache.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda header: compile_alone(tree.root, header, by_path, cache), headers):
            yield from found


def compile_alone(root, header, by_path, cache):
    stamp = cache / closure_hash(header, by_path)
    if stamp.exists():
        return []
    run = subprocess.run(["g++", *FLAGS, "-x", "c++", "-"], input=f'#include "{header.path}"\n', cwd=root,
                         capture_output=True, text=True)
    if run.returncode == 0:
        stamp.touch()
        return []
    words = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr[:200])
    return [Finding(header.path, 1, f"does not compile alone: {words.strip()}")]


def closure_hash(header, by_path):
    seen, waiting = {}, [header]
    while waiting:
        source = waiting.pop()
        if str(source.path) not in seen:
            seen[str(source.path)] = source.text
            waiting += [by_path[target] for _, target in source.includes() if target in by_path]
    return hashlib.sha256(repr(sorted(seen.items())).encode()).hexdigest()
