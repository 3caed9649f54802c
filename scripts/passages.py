"""Makes passages out of manual pages: python3 scripts/passages.py MAN_FOLDER OUT.jsonl [--count N]

MAN_FOLDER is a tree of gzipped pages as Debian's packages manpages and manpages-dev hold them
(build/manpages after `./dev setup`). Each line of OUT is {"title", "content", "tags", "source"}; a passage is
a piece of one section, 40 to 120 words where the section has as many. The same pages give the same file:
first the pages about shared memory that the demo asks for, then the others in an order made by hashing
their names, until N passages are there. The pages have licences of their own; nothing of them is kept in
the repository.
"""

import argparse
import gzip
import hashlib
import json
import pathlib
import re
import sys

FIRST = ["shm_open(3)", "shm_overview(7)", "mmap(2)", "shmget(2)", "fork(2)", "pipe(7)", "sem_overview(7)", "unix(7)"]
SECTIONS_SKIPPED = {"COLOPHON", "SEE ALSO", "AUTHORS", "AUTHOR", "COPYRIGHT", "REPORTING BUGS", "ATTRIBUTES"}
WORDS_MIN, WORDS_MAX = 40, 120
WORDS_KEPT = 12  # a section with fewer words says too little to stand alone
COUNT = 2200

BREAKS = {"PP", "P", "LP", "HP", "IP", "TP", "TQ", "sp", "RS", "RE", "EX", "EE", "nf", "fi", "ne"}
FONTS = {"B", "I", "SM", "SB"}
MIXED_FONTS = {"BR", "IR", "RB", "RI", "BI", "IB"}
SPECIAL = {
    "aq": "'", "cq": "'", "oq": "`", "dq": '"', "lq": '"', "rq": '"', "bu": "*", "em": "--", "en": "-",
    "co": "(C)", "ha": "^", "ti": "~", "rs": "\\", "mu": "x", "<=": "<=", ">=": ">=", "!=": "!=", "->": "->",
    "<-": "<-", "+-": "+-", "de": " degrees", "12": "1/2", "la": "<", "ra": ">", "bv": "|", "ga": "`",
}  # fmt: skip


def plain(text):
    """The words of one line of roff, without its escapes."""
    text = re.sub(r'\\".*', "", text)
    text = re.sub(r"\\f(?:\[[^]]*\]|\(..|.)|\\s[-+]?\d+|\\[mM]\[[^]]*\]", "", text)
    text = re.sub(r"\\(?:\[(\w+|[^]]+)\]|\((..))", lambda m: SPECIAL.get(m[1] or m[2], ""), text)
    text = re.sub(r"\\\*(?:\[[^]]*\]|\(..|.)|\\[hvw]'[^']*'|\\[nk].", "", text)
    text = text.replace("\\-", "-").replace("\\ ", " ").replace("\\~", " ").replace("\\0", " ")
    text = re.sub(r"\\[&|^%/,:ctp!{}]", "", text)
    return text.replace("\\'", "'").replace("\\`", "`").replace("\\e", "\0").replace("\\", "").replace("\0", "\\")


def arguments(text):
    """The arguments of a macro: words, or what stands between quotation marks."""
    found = re.findall(r'"((?:[^"]|"")*)"?|(\S+)', text)
    return [plain((quoted or word).replace('""', '"')) for quoted, word in found]


class Page:
    """One page as a list of (section, paragraphs)."""

    def __init__(self, source):
        self.sections = []
        self.paragraph = []
        self.label = None  # "wanted" while the next line names an entry of a list
        skipping = None
        for line in source.splitlines():
            if skipping:
                skipping = None if line.startswith(skipping) else skipping
            elif line.startswith((".TS", ".de", ".ig", ".EQ")):
                skipping = {".TS": ".TE", ".de": "..", ".ig": "..", ".EQ": ".EN"}[line[:3]]
            elif line[:1] in (".", "'"):
                self.request(*re.match(r"[.']\s*(\S*)\s*(.*)", line).groups())
            elif line.strip():
                self.text(plain(line))
            else:
                self.end_paragraph()
        self.end_paragraph()

    def request(self, name, rest):
        if name in ("SH", "SS"):
            self.end_paragraph()
            title = " ".join(arguments(rest))
            if name == "SH":
                self.sections.append((title.upper(), []))
            elif title:
                self.paragraph = [title + ":"]
        elif name in BREAKS:
            self.end_paragraph()
            self.label = "wanted" if name in ("TP", "TQ") else None
            if name == "IP" and (label := arguments(rest)[:1]) and label[0] not in ("*", "-", "o"):
                self.paragraph = [label[0] + ":"]
        elif name in FONTS:
            self.text(" ".join(arguments(rest)))
        elif name in MIXED_FONTS:
            self.text("".join(arguments(rest)))
        elif name in ("UR", "MT"):
            self.text(rest)

    def text(self, words):
        words = words.strip()
        if not words:
            return
        if self.label == "wanted":
            self.label = None
            words += ":"
        self.paragraph.append(words)

    def end_paragraph(self):
        words = " ".join(" ".join(self.paragraph).split())
        self.paragraph = []
        if words and self.sections:
            self.sections[-1][1].append(words)


def pieces(paragraphs):
    """Joins paragraphs to passages of WORDS_MIN to WORDS_MAX words and cuts longer ones at sentences."""
    units = []
    for paragraph in paragraphs:
        for sentence in re.split(r"(?<=[.;:])\s+", paragraph):
            words = sentence.split()
            units += [words[i : i + WORDS_MAX] for i in range(0, len(words), WORDS_MAX)]
        if units:
            units[-1] = [*units[-1], None]  # the end of a paragraph: a good place to cut
    passages, current = [], []
    for unit in units:
        words = [word for word in unit if word is not None]
        if current and len(current) + len(words) > WORDS_MAX:
            passages.append(current)
            current = []
        current = current + words
        if None in unit and len(current) >= WORDS_MIN + 20:
            passages.append(current)
            current = []
    if current and passages and len(current) < WORDS_MIN and len(passages[-1]) + len(current) <= WORDS_MAX:
        passages[-1] = passages[-1] + current
    elif len(current) >= WORDS_KEPT:
        passages.append(current)
    return [" ".join(words) for words in passages]


def passages_of(path, name):
    source = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    number = name.rsplit("(", 1)[1].rstrip(")")
    for section, paragraphs in Page(source).sections:
        if section not in SECTIONS_SKIPPED:
            for content in pieces(paragraphs):
                yield {
                    "title": f"{name} {section}",
                    "content": content,
                    "tags": ["man", f"section-{number[0]}"],
                    "source": f"man:{name}",
                }


def passages(folder, count=COUNT):
    """`count` passages (some more, to end with a page) as lines of JSON."""
    pages = {}
    for path in sorted(folder.glob("**/man?/*.gz")):
        if path.is_symlink():  # another name of a page that is there
            continue
        stem, number = path.name.removesuffix(".gz").rsplit(".", 1)
        pages[f"{stem}({number})"] = path
    missing = [name for name in FIRST if name not in pages]
    if missing:
        raise FileNotFoundError(
            f"passages: {folder} has no {', '.join(missing)}; ./dev setup fetches the packages "
            "manpages and manpages-dev into build/manpages"
        )
    others = sorted(pages.keys() - set(FIRST), key=lambda name: hashlib.sha256(name.encode()).digest())
    found = {}  # by content: pages repeat each other's paragraphs here and there
    for name in [*FIRST, *others]:
        if len(found) >= count:
            break
        for passage in passages_of(pages[name], name):
            found.setdefault(passage["content"], passage)
    return [json.dumps(passage, ensure_ascii=False) for passage in found.values()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=COUNT)
    options = parser.parse_args()
    try:
        lines = passages(options.folder, options.count)
    except FileNotFoundError as error:
        sys.exit(str(error))
    options.out.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    print(f"passages: {len(lines)} into {options.out}")


if __name__ == "__main__":
    main()
