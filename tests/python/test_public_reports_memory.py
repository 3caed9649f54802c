"""What was reported of other products that remember, tried here: each test names the report."""

import itertools
import json
import subprocess
import threading

import pytest

from wire import PROGRAM, Kernel


NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def kernel():
    # Without a model: words, tags and times must find by themselves what is asked for here.
    with Kernel(environment={"RESONANT_MODEL": "/nonexistent", "TZ": "Asia/Tokyo"}) as made:
        yield made


@pytest.fixture(scope="module")
def client(kernel):
    return kernel.client()


@pytest.fixture
def galaxy(client, request):
    """A store of its own for each test, that the client works in."""
    name = f"{request.node.originalname[5:50]}.{next(NUMBERS)}"
    ask(client, "galaxy_create", name=name)
    return name


def ask(client, tool, **arguments):
    content, is_error = client.call(tool, arguments)
    assert not is_error, content
    return content


def add(client, galaxy, content, **more):
    return ask(client, "memory_add", content=content, galaxy=galaxy, **more)["id"]


def found(client, galaxy, query, tool="memory_search", **more):
    return {hit["id"] for hit in ask(client, tool, query=query, galaxy=galaxy, **more)["hits"]}


@pytest.mark.parametrize("query", ["POL-358", "pol-358", "POL 358", '"POL-358"', "POL-358 AND blocked", "-POL-358"])
def test_a_key_with_a_hyphen_is_found(client, galaxy, query):
    """Dicklesworthstone/mcp_agent_mail#67, basicmachines-co/basic-memory#178: "no such column: 358"."""
    wanted = add(client, galaxy, "POL-358 is blocked by the release")
    add(client, galaxy, "POLE vaulting needs 3580 metres")
    assert found(client, galaxy, query) == {wanted}


@pytest.mark.parametrize("query", ['"--error-on-warnings"', "--error-on-warnings", "error-on-warnings*", 'say "--error', "don't use agents",
                                   "38.101", "a^b NEAR(c) col:umn", "((", "*", '"', "'", "%", "\\"])
def test_no_text_is_a_syntax_error(client, galaxy, query):
    """arabold/docs-mcp-server#262, spences10/ccrecall#29, higebu/3gpp-mcp#43: fts5: syntax error near "-", "'", "."."""
    wanted = add(client, galaxy, "Build with --error-on-warnings; don't use agents for spec 38.101")
    for tool in ("memory_search", "memory_recall"):
        hits = found(client, galaxy, query, tool)
        assert hits in (set(), {wanted})
        if any(letter.isalnum() for letter in query) and "NEAR" not in query:
            assert hits == {wanted}, (tool, query)


@pytest.mark.parametrize("text, queries", [
    ("项目优先支持中文优先的界面", ["中文", "界面", "优先支持", "中文优先"]),
    ("雾凇词库部署", ["雾凇", "词库", "雾凇词库部署"]),
    ("お電話ありがとうございます", ["電話", "ありがとう"]),
    ("데이터베이스는 서울에 있습니다", ["데이터베이스", "서울"]),
    ("รถไฟไปเชียงใหม่", ["เชียงใหม่"])])
def test_a_part_of_a_text_without_spaces_is_found(client, galaxy, text, queries):
    """thedotmack/claude-mem#3801, codejunkie99/agentic-stack#34: a whole sentence was one word, so no part was found."""
    wanted = add(client, galaxy, text)
    add(client, galaxy, "別の話です 天气很好 날씨가 좋다")
    for query in queries:
        assert found(client, galaxy, query) == {wanted}, query


def test_a_tag_is_a_word_not_a_pattern(client, galaxy):
    """doobidoo/mcp-memory-service#558 and #916: "test" matched "testing", "100%" everything, "my_tag" also "myXtag"."""
    tags = ["test", "testing", "my-test-tag", "100%", "my_tag", "myXtag", "a,b", "*", "[x]", "Test", "ünïcode"]
    ids = {tag: add(client, galaxy, f"tagged {number}", tags=[tag]) for number, tag in enumerate(tags)}
    for tag, wanted in ids.items():
        assert {hit["id"] for hit in ask(client, "memory_search", tags=[tag], galaxy=galaxy)["hits"]} == {wanted}, tag


def test_several_tags_narrow_down_and_need_no_query(client, galaxy):
    """doobidoo/mcp-memory-service#889, #1196: any of them was enough; verygoodplugins/mcp-automem#94: 500 without a query."""
    add(client, galaxy, "private and open", tags=["open", "private"])
    both = add(client, galaxy, "work and open", tags=["open", "work"])
    add(client, galaxy, "work and done", tags=["done", "work"])
    assert {hit["id"] for hit in ask(client, "memory_search", tags=["open", "work"], galaxy=galaxy)["hits"]} == {both}
    assert {hit["id"] for hit in ask(client, "memory_list", tags=["open", "work"], galaxy=galaxy)["hits"]} == {both}


def test_times_mean_the_same_everywhere(client, galaxy):
    """doobidoo/mcp-memory-service#1078: one filter took days as UTC, another as local; here the kernel lives in Tokyo."""
    lines = [{"content": "before midnight", "created": "2026-05-01T23:30:00Z"}, {"content": "after midnight", "created": "2026-05-02T00:30:00Z"},
             {"content": "told from the east", "created": "2026-05-02T08:30:00+09:00"}]
    report = ask(client, "memory_import", format="jsonl", data="\n".join(map(json.dumps, lines)), galaxy=galaxy)
    assert report["stored"] == 3, report
    first = {"before midnight", "told from the east"}

    def texts(tool, **more):
        return {hit["content"] if "content" in hit else hit["text"] for hit in ask(client, tool, galaxy=galaxy, **more)["hits"]}

    assert texts("memory_search", since="2026-05-01", until="2026-05-01") == first
    assert texts("memory_search", query="midnight told", until="2026-05-01") == first
    assert texts("memory_recall", query="midnight told", since="2026-05-01", until="2026-05-01") == first
    assert texts("memory_search", since="2026-05-02T09:00:00+09:00") == {"after midnight"}


def test_a_filter_of_time_is_no_sieve_behind_the_best_hits(client, galaxy):
    """doobidoo/mcp-memory-service#1012: time was looked at behind the first n hits, so that most of them were lost."""
    lines = [{"content": f"standup notes about the release number {n}", "created": f"2026-04-{1 + n % 28:02}T10:00:00Z"} for n in range(300)]
    lines.append({"content": "standup: a word on other things, and at the end on the release", "created": "2026-05-20T10:00:00Z"})
    ask(client, "memory_import", format="jsonl", data="\n".join(map(json.dumps, lines)), galaxy=galaxy)
    for tool in ("memory_search", "memory_recall"):
        assert len(found(client, galaxy, "standup notes release", tool, since="2026-05-01", limit=5)) == 1


def test_a_wrong_time_is_refused_by_name(client, galaxy):
    """moorcheh-ai/memanto#1508: "last -1 days" lay in the future, a malformed time switched the filter off."""
    for since in ("-1d", "last -1 days", "2026-13-01", "yesterdayish", "2026-05-01T25:00:00Z"):
        content, is_error = client.call("memory_search", {"query": "x", "since": since, "galaxy": galaxy})
        assert is_error and "since" in json.dumps(content), (since, content)


def test_an_id_is_no_pattern(client, galaxy):
    """NVIDIA-NeMo/labs-OO-Agents#278: "%%%%%%" and "______" updated and forgot the only memory."""
    kept = add(client, galaxy, "the only one")
    for pattern in ("%", "%%%%%%", "m_", "m%", "______", "m", "", kept + " ", kept.upper()):
        for tool, more in (("memory_update", {"content": "changed"}), ("memory_archive", {})):
            assert client.call(tool, {"id": pattern, **more})[1], (tool, pattern)
    assert ask(client, "memory_read", ids=[kept])["memories"][0]["content"] == "the only one"


def test_two_processes_at_once_lose_nothing(kernel, galaxy):
    """modelcontextprotocol/servers#1819, #2577: parallel calls left broken JSON behind, two processes each other's gaps."""
    clients = [kernel.client() for _ in range(2)]
    failed = []

    def work(client, name):
        for number in range(20):
            client.send({"jsonrpc": "2.0", "id": f"{name}{number}", "method": "tools/call", "params": {
                "name": "memory_add", "arguments": {"content": f"{name} says {number}", "galaxy": galaxy}}})
        for _ in range(20):
            if client.receive()["result"].get("isError"):
                failed.append(name)

    threads = [threading.Thread(target=work, args=(client, name)) for client, name in zip(clients, "ab")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert ask(clients[0], "galactic_dashboard", galaxy=galaxy)["total"] == 40


def test_what_two_calls_add_at_once_keeps_its_own_tags(kernel, galaxy):
    """mem0ai/mem0#2578: memories added side by side shared the last one's metadata."""
    client = kernel.client()
    for number in range(20):
        client.send({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {
            "name": "memory_add", "arguments": {"content": f"own tags {number}", "tags": [f"t{number}"], "galaxy": galaxy}}})
    for _ in range(20):
        client.receive()
    for number in range(20):
        hits = ask(client, "memory_search", tags=[f"t{number}"], galaxy=galaxy)["hits"]
        assert len(hits) == 1 and f"own tags {number}" in json.dumps(hits[0]), (number, hits)


def memory(kernel, *words, stdin=None):
    done = subprocess.run([PROGRAM, "--home", kernel.home, "--json", "memory", *words], env=kernel.environment,
                          capture_output=True, text=True, input=stdin)
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else done.stderr


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "markdown"])
def test_an_export_that_comes_home_doubles_nothing(kernel, client, galaxy, tmp_path, form):
    """vshulcz/deja-vu#662: importing one's own export stored half of the store twice."""
    for number in range(5):
        add(client, galaxy, f"comes home {form} {number}", tags=["x", "y, z"])
    file = tmp_path / "all"
    code, made = memory(kernel, "export", "--format", form, "--output", str(file), "--galaxy", galaxy)
    assert code == 0, made
    for _ in range(2):
        code, report = memory(kernel, "import", str(file), "--galaxy", galaxy, "--format", form)
        assert code == 0 and (report["stored"], report["skipped"]) == (0, 5), report
    assert ask(client, "galactic_dashboard", galaxy=galaxy)["total"] == 5


def test_lists_in_front_matter_are_kept(kernel, client, galaxy, tmp_path):
    """agentic-os-org/ANOLISA#952: lists of the head were lost on the way out and in."""
    file = tmp_path / "Release plan.md"
    file.write_text("---\ntitle: The plan\ntags:\n  - release\n  - \"q3, late\"\ncreated: 2026-03-04\naliases: [plan]\n---\n"
                    "We ship on Monday.\n\n## Blockers\nThe reindex.\n")
    code, report = memory(kernel, "import", str(file), "--galaxy", galaxy)
    assert code == 0 and report["stored"] == 2, report
    hits = ask(client, "memory_search", tags=["q3, late"], galaxy=galaxy)["hits"]
    assert len(hits) == 2, hits
    one = ask(client, "memory_read", ids=[hit["id"] for hit in hits], metadata=True)["memories"]
    assert {memory["title"] for memory in one} == {"The plan", "Blockers"}
    assert not any("---" in memory["content"] for memory in one) and all(memory["created"].startswith("2026-03-04") for memory in one)


def test_a_time_without_a_zone_is_utc_in_and_out(kernel, client, galaxy, tmp_path):
    """laurent22/joplin#12770: a time that was written as UTC was read as local; here the kernel lives in Tokyo."""
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps({"content": "at eight", "created": "2026-05-01T08:00:00"}) + "\n")
    assert memory(kernel, "import", str(file), "--galaxy", galaxy)[0] == 0
    code, out = memory(kernel, "export", "--galaxy", galaxy)
    assert json.loads(out["data"])["created"] == "2026-05-01T08:00:00Z"


def test_asking_without_a_store_does_not_look_like_knowing_nothing(client):
    """getzep/graphiti#838, #1791: without group_ids a default without data was asked; "no relevant facts found"."""
    galaxy = "0-the-first-by-name"
    ask(client, "galaxy_create", name=galaxy)
    add(client, galaxy, "wolframite lies in the other store")
    for tool in ("memory_search", "memory_recall"):
        answer = ask(client, tool, query="wolframite")
        assert answer["hits"] == [] and galaxy in json.dumps(answer), "it says where there is something"


def test_users_of_an_import_stay_apart(kernel, client, galaxy, tmp_path):
    """mem0ai/mem0#6220: with infer=False the user was not kept, and get_all(user) found nothing."""
    file = tmp_path / "mem0.json"
    file.write_text(json.dumps({"results": [
        {"id": "1", "memory": "likes herons", "user_id": "alice", "created_at": "2026-01-02T03:04:05Z"},
        {"id": "2", "memory": "likes herons", "user_id": "bob", "created_at": "2026-02-03T04:05:06Z"}]}))
    for times in range(2):
        code, report = memory(kernel, "import", str(file), "--galaxy", galaxy)
        assert code == 0 and report["stored"] == (0 if times else 2), report
    for who, day in (("alice", "2026-01-02"), ("bob", "2026-02-03")):
        hits = ask(client, "memory_search", tags=[f"user:{who}"], galaxy=galaxy)["hits"]
        assert len(hits) == 1 and hits[0]["created"].startswith(day), hits


def test_a_file_of_lines_and_a_list_are_both_read(kernel, client, galaxy, tmp_path):
    """modelcontextprotocol/servers#1481, #2036: memory.json held lines, and whoever read it as a list failed."""
    line = {"type": "entity", "name": "Alice", "entityType": "person", "observations": ["likes herons"]}
    to = {"type": "relation", "from": "Alice", "to": "Bob", "relationType": "knows"}
    other = {**line, "name": "Bob", "observations": []}
    forms = {"lines.json": "\n".join(map(json.dumps, (line, other, to))),
             "list.json": json.dumps([line, other, to], indent=1),
             "graph.json": json.dumps({"entities": [line, other], "relations": [to]}, indent=2)}
    for name, text in forms.items():
        ask(client, "galaxy_create", name=f"{galaxy[:40]}.{name}")
        (tmp_path / name).write_text(text)
        code, report = memory(kernel, "import", str(tmp_path / name), "--galaxy", f"{galaxy[:40]}.{name}")
        assert code == 0 and (report["stored"], report.get("links")) == (2, 1), (name, report)
