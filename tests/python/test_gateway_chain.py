"""Kernels behind each other, in chains of one, two and three, each leading back to the first: what is a kernel's own
never comes back to it, however far it went, and nothing grows."""

import json
import sys
import time

import pytest

from test_gateway import until
from wire import PROGRAM, Client, Kernel

HTTP = ("--http", "127.0.0.1:0", "--no-token")


def url_of(kernel, listing=""):
    return kernel.run("--json", "status")["http"].removesuffix("/") + listing


def everything(kernel):
    """All that a client of the kernel sees, with every tool."""
    with_all = Client(kernel.home, kernel.environment)
    try:
        found = {"resources": [], "prompts": []}
        for member in found:
            cursor = None
            while True:
                page = with_all.ask(f"{member}/list", {"cursor": cursor} if cursor else {})["result"]
                found[member] += page[member]
                cursor = page.get("nextCursor")
                if not cursor:
                    break
        found["tools"] = with_all.ask("tools/list")["result"]["tools"]
        return found
    finally:
        with_all.close()


def settled(kernel):
    """Waits until nothing new comes any more; what is seen then."""
    before, since = None, 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seen = everything(kernel)
        size = {member: len(entries) for member, entries in seen.items()}
        since = since + 1 if size == before else 0
        before = size
        if since >= 4:
            return seen
        time.sleep(0.25)
    raise AssertionError(f"it does not settle: {before}")


def deepest(seen):
    return max(one["uri"].count("upstream://") for one in seen["resources"])


@pytest.fixture
def kernels():
    made = []

    def make():
        made.append(Kernel(flags=HTTP, toml='listing = "all"\n'))
        return made[-1]
    yield make
    for kernel in made:
        kernel.close()


@pytest.mark.parametrize("way", ["command", "http", "import"])
def test_a_kernel_does_not_stand_behind_itself(kernels, tmp_path, way):
    kernel = kernels()
    command = [str(PROGRAM), "mcp", "--home", str(kernel.home)]
    alone = settled(kernel)
    if way == "import":
        file = tmp_path / "claude.json"
        file.write_text(json.dumps({"mcpServers": {"me": {"command": command[0], "args": command[1:]}}}))
        kernel.run("--json", "server", "import", str(file), owner=True)
    else:
        added = kernel.call("server.add", {"name": "me", **({"command": command} if way == "command" else {"url": url_of(kernel)})},
                            owner=True)
        assert "this very kernel" in json.dumps(added), added
    assert kernel.call("server.list")["servers"] == []
    after = settled(kernel)
    assert {member: len(entries) for member, entries in after.items()} == {member: len(entries) for member, entries in alone.items()}


def test_a_configured_one_that_is_itself_is_refused_in_words_and_not_tried_again(kernels):
    kernel = kernels()
    (kernel.home / "resonant.toml").write_text(f'listing = "all"\n[servers.me]\nurl = "{url_of(kernel)}"\ntrusted_first = true\n')
    seen = until(lambda: (lambda one: one and one[0]["state"] == "refused" and one[0])(kernel.call("server.list")["servers"]))
    assert "this very kernel" in seen["trouble"][0] and seen["tools"] == 0, seen


@pytest.mark.parametrize("length", [2, 3])
def test_a_ring_of_kernels_lists_nothing_through_itself(kernels, length):
    ring = [kernels() for _ in range(length)]
    own = {json.dumps(one) for one in (entry["uri"] for entry in settled(ring[0])["resources"])}
    for number, kernel in enumerate(ring):
        after = (number + 1) % length
        added = kernel.call("server.add", {"name": f"k{after}", "url": url_of(ring[after])}, owner=True)
        assert added.get("tools", 0) > 100, added
    for number, kernel in enumerate(ring):
        seen = settled(kernel)
        assert deepest(seen) == length - 1, sorted(one["uri"] for one in seen["resources"])[-3:]
        assert len({one["uri"] for one in seen["resources"]}) == len(own) * length
        back = [one["name"] for one in seen["tools"] if f"k{number}__" in one["name"]]
        assert back == [], back[:5]
        trouble = json.dumps(kernel.call("server.list")["servers"])
        assert "this very kernel's own" in trouble, trouble[:2000]
    # What is another kernel's is there, and is called through.
    client = ring[0].client()
    answer = client.result("k1__health_check")
    assert not answer["isError"], answer


def test_a_gateway_that_hides_the_handshake_does_not_hide_the_kernel(kernels, tmp_path):
    """A proxy that serves another server's lists as its own, as many gateways do."""
    kernel = kernels()
    proxy = tmp_path / "proxy.py"
    proxy.write_text(PROXY)
    added = kernel.call("server.add", {"name": "proxy", "command": [sys.executable, str(proxy), str(PROGRAM), str(kernel.home)]},
                        owner=True)
    assert "leads back to this very kernel" in json.dumps(added), added
    assert kernel.call("server.list")["servers"] == []


PROXY = '''
import json, subprocess, sys
inner = subprocess.Popen([sys.argv[1], "mcp", "--home", sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

def ask(message):
    inner.stdin.write(json.dumps(message) + "\\n")
    inner.stdin.flush()
    while True:
        answer = json.loads(inner.stdout.readline())
        if answer.get("id") == message["id"]:
            return answer

ask({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {},
     "clientInfo": {"name": "proxy", "version": "1"}}})
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    if message["method"] == "initialize":
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": {"protocolVersion": "2025-11-25",
                  "capabilities": {"tools": {}, "resources": {}}, "serverInfo": {"name": "proxy", "version": "1"}}}
    elif message["method"] == "server/discover":
        answer = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "method not found"}}
    else:
        answer = ask(message)
    print(json.dumps(answer), flush=True)
'''
