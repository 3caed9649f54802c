"""What tidy knows of tools: a handler reads no argument that its family does not declare."""

import re

from tidy_tree import Finding

JOINED = re.compile(r'"([ \t]*\n\s*)"')  # two literals that the compiler makes one
DECLARED = re.compile(r'\.parameters\s*=\s*"([^"]*)"')
READ = re.compile(r'\b\w+\(\s*call,\s*"(\w+)"|\bcall\.arguments(?:\.(?:at|value|contains|find)\(|\[)"(\w+)"')


def handlers_read_what_is_declared(tree):
    """Arguments are checked against the declaration: one that is not in it is refused, and its reader never sees it."""
    for source in tree.files("resonant/tools/*.cc"):
        if "toolbox.add(" not in source.text:
            continue
        whole = JOINED.sub("", source.text)
        declared = {name for words in DECLARED.findall(whole) for name in re.findall(r"(\w+)\*?:", words)}
        for number, line in enumerate(source.lines, 1):
            for match in READ.finditer(line):
                name = match[1] or match[2]
                if name not in declared:
                    yield Finding(source.path, number, f"a handler reads the argument '{name}', which no tool of this file declares; "
                                                       "add it to .parameters, or read the one that is meant")
