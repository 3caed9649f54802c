"""Each check of scripts/tidy.py bites: a small tree with one fault gives one finding at the right place."""

import graphlib
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import tidy  # noqa: E402
import tidy_cpp  # noqa: E402
import tidy_docs  # noqa: E402
import tidy_tools  # noqa: E402

HEADER = "// A Thing is a thing.\n#pragma once\n"


def findings(tmp_path, check, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    [(_, found)] = tidy.run(tmp_path, [check])
    return [(str(finding.path), finding.line) for finding in found]


def test_an_include_that_points_upward_is_found(tmp_path):
    found = findings(tmp_path, tidy.include_table, {
        "resonant/ring/ring.h": HEADER + '#include "resonant/tools/toolbox.h"\n',
        "resonant/tools/toolbox.h": HEADER + '#include "resonant/ring/ring.h"\n',
    })
    assert found == [("resonant/ring/ring.h", 3)]


def test_siblings_of_one_floor_do_not_include_each_other(tmp_path):
    found = findings(tmp_path, tidy.include_table, {"resonant/board/a.h": HEADER + '#include "resonant/ring/ring.h"\n'})
    assert found == [("resonant/board/a.h", 3)]


def test_a_folder_without_a_row_is_found(tmp_path):
    assert findings(tmp_path, tidy.include_table, {"resonant/extras/a.h": HEADER}) == [("resonant/extras/a.h", 1)]


def test_the_table_has_no_circle():
    graphlib.TopologicalSorter({folder: row - {folder} for folder, row in tidy.FLOORS.items()}).prepare()


def test_a_header_nobody_includes_is_found(tmp_path):
    found = findings(tmp_path, tidy.headers_are_used, {
        "resonant/ring/used.h": HEADER, "resonant/ring/dead.h": HEADER,
        "resonant/ring/dead.cc": '#include "resonant/ring/dead.h"\n#include "resonant/ring/used.h"\n',
        "tests/ring/dead_test.cc": '#include "resonant/ring/dead.h"\n',
    })
    assert found == [("resonant/ring/dead.h", 1)]


def test_a_source_includes_its_own_header_first(tmp_path):
    found = findings(tmp_path, tidy.sources_have_headers, {
        "resonant/ring/lonely.cc": '#include "resonant/shm/segment.h"\n',
        "resonant/ring/ring.cc": '#include <vector>\n#include "resonant/ring/ring.h"\n', "resonant/ring/ring.h": HEADER,
        "resonant/ring/more_of_it.cc": '#include <vector>\n#include "resonant/ring/ring.h"\n',
    })
    assert found == [("resonant/ring/lonely.cc", 1), ("resonant/ring/ring.cc", 1)]


def test_a_rule_may_be_broken_where_the_reason_stands(tmp_path):
    long = "int a;\n" * 501
    assert findings(tmp_path, tidy.files_stay_short, {
        "resonant/ring/a.cc": "// tidy-allow(files_stay_short): one table, read as one\n" + long,
        "resonant/ring/b.cc": "// tidy-allow(files_stay_short):\n" + long,
        "resonant/ring/c.cc": "// tidy-allow(no_banned_words): another rule\n" + long,
    }) == [("resonant/ring/b.cc", 500), ("resonant/ring/c.cc", 500)]


@pytest.mark.parametrize("head", ["int Long::walk(int a) const {", "TEST(Long, walks_on_and_on) {", "Long::Long() : a_(1), b_{2} {"])
def test_a_function_longer_than_a_screen_is_found(tmp_path, head):
    body = "    call();\n" * 70
    short = "void brief() {\n" + "    call();\n" * 60 + "}\n"
    text = f"namespace a {{\n{short}{head}\n{body}}}\n}}  // namespace a\n"
    assert findings(tmp_path, tidy.functions_fit_a_screen, {"resonant/ring/a.cc": text}) == [("resonant/ring/a.cc", 64)]


def test_braces_in_strings_and_comments_do_not_count():
    text = 'void a() {\n    // }}}\n    say("}}", \'}\', R"x({{{)x");\n}\nvoid b() {\n}\n'
    assert [(name, line, length) for name, line, length in tidy_cpp.functions(text)] == [("a", 1, 4), ("b", 5, 2)]


def test_a_class_is_no_function_and_its_members_are():
    text = "class A final : public B {\n  public:\n    int x() const override {\n        return 1;\n    }\n};\nint table[] = {1,\n 2};\n"
    assert list(tidy_cpp.functions(text)) == [("x", 3, 3)]


def test_a_long_file_is_found(tmp_path):
    assert findings(tmp_path, tidy.files_stay_short, {"resonant/ring/a.cc": "int a;\n" * 501}) == [("resonant/ring/a.cc", 500)]


def test_a_header_that_does_not_introduce_itself_is_found(tmp_path):
    assert findings(tmp_path, tidy.headers_introduce_themselves, {"resonant/ring/a.h": "#pragma once\n"}) == [("resonant/ring/a.h", 1)]


@pytest.mark.parametrize("heavy", ["<arrow/api.h>", "<boost/asio.hpp>", "<sqlite3.h>"])
def test_a_heavy_include_in_a_header_is_found(tmp_path, heavy):
    files = {"resonant/ring/a.h": HEADER + f"#include {heavy}\n", "resonant/ring/a.cc": f"#include {heavy}\n"}
    assert findings(tmp_path, tidy.headers_are_light, files) == [("resonant/ring/a.h", 3)]


@pytest.mark.parametrize("line", ["std::cout << 1;", 'printf("x");', 'std::puts("x");'])
def test_a_write_to_stdout_is_found(tmp_path, line):
    text = f'// printf("words")\n{line}\nsnprintf(a, 1, "x"); fprintf(stderr, "x");\n'
    assert findings(tmp_path, tidy.stdout_belongs_to_the_protocol, {"resonant/ring/a.cc": text}) == [("resonant/ring/a.cc", 2)]


@pytest.mark.parametrize("words", ["TODO later", "FIXME", 'open("/root/secret")', "see /home/ann/notes"])
def test_a_promise_or_a_machine_path_is_found(tmp_path, words):
    files = {"resonant/ring/a.cc": f"// fine: TODO(#12), docs/root/index\n// {words}\n"}
    assert findings(tmp_path, tidy.no_banned_words, files) == [("resonant/ring/a.cc", 2)]


def test_a_vague_folder_is_found(tmp_path):
    assert findings(tmp_path, tidy.folders_are_named_by_a_noun, {"resonant/utils/a.h": HEADER}) == [("resonant/utils/a.h", 1)]


def test_a_test_that_is_no_sentence_is_found(tmp_path):
    text = "TEST(Ring, works) {}\nTEST(Ring, slow_reader_learns_what_it_lost) {}\n"
    assert findings(tmp_path, tidy.tests_are_sentences, {"tests/ring/a_test.cc": text}) == [("tests/ring/a_test.cc", 1)]


def test_a_header_that_needs_another_one_is_found(tmp_path):
    files = {"resonant/ring/a.h": HEADER + "inline std::string a() { return {}; }\n",
             "resonant/ring/b.h": HEADER + "#include <string>\ninline std::string b() { return {}; }\n"}
    assert findings(tmp_path, tidy_cpp.headers_compile_alone, files) == [("resonant/ring/a.h", 1)]


def test_a_stale_link_and_a_stale_path_are_found(tmp_path):
    page = "[there](docs/a.md) [gone](docs/b.md) [web](https://example.org/x)\n`resonant/ring/` `resonant/gone.h`\n"
    files = {"README.md": page, "docs/a.md": "a", "resonant/ring/ring.h": HEADER}
    assert findings(tmp_path, tidy_docs.links_lead_somewhere, files) == [("README.md", 1)]
    assert findings(tmp_path, tidy_docs.paths_exist, files) == [("README.md", 2)]


def test_the_glossary_names_symbols_and_tests_that_exist(tmp_path):
    rows = ["| seed | symbol | test | state |", "|---|---|---|---|",
            "| EventRing | `ring::EventRing` | `Ring.slow_reader_is_told` | done |",
            "| Gone | `ring::Gone` | `Ring.slow_reader_is_told` | done |",
            "| Untested | `ring::EventRing` | `Ring.nothing_like_it` | done |",
            "| Dream | | | later |"]
    found = findings(tmp_path, tidy_docs.glossary_is_true, {
        "docs/glossary.md": "\n".join(rows) + "\n", "resonant/ring/ring.h": HEADER + "class EventRing;\n",
        "tests/ring/ring_test.cc": "TEST(Ring, slow_reader_is_told) {}\n",
    })
    assert found == [("docs/glossary.md", 4), ("docs/glossary.md", 5)]


def test_a_layout_without_its_page_is_found(tmp_path):
    files = {"resonant/ring/a.cc": "constexpr std::uint64_t kRingMagic = 1;\n",
             "resonant/ring/b.h": HEADER + "// docs/formats/gone.md\n"}
    assert findings(tmp_path, tidy_docs.layouts_have_pages, files) == [("resonant/ring/a.cc", 1), ("resonant/ring/b.h", 1)]


def test_an_argument_that_a_handler_reads_and_no_tool_declares_is_found(tmp_path):
    found = findings(tmp_path, tidy_tools.handlers_read_what_is_declared, {
        "resonant/tools/ox.cc": 'text_of(call, "text");\n'
                                'text_of(call, "txet");\n'
                                'call.arguments.at("much");\n'
                                'call.arguments["mcuh"];\n'
                                'toolbox.add({.parameters = "text*:string "\n    "much:int"});\n',
        "resonant/tools/arguments.cc": 'text_of(call, "anything");\n',
    })
    assert found == [("resonant/tools/ox.cc", 2), ("resonant/tools/ox.cc", 4)]
