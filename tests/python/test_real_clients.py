"""Real clients, each as its users have it: they list, call, are denied, and go on when the kernel is killed between two
of their calls. All of them share one kernel, which is killed once for all, and the blocks of `client-config` are
started as they stand."""

import contextlib
import json
import os
import signal
import socket
import subprocess

import pytest

from wire import FAMILIES, PATIENCE, PROGRAM, ROOT, Client, Kernel

CLIENTS = ROOT / "build/clients"
SCRIPTS = ROOT / "tests/clients"
NODE = ROOT / "build/conformance/bin"

# name: interpreter, script
SCRIPTED = {
    "npm sdk": (NODE / "node", "npm_sdk.mjs"),
    "mcp": (CLIENTS / "python/bin/python", "mcp_sdk.py"),
    "fastmcp": (CLIENTS / "python/bin/python", "fastmcp_client.py"),
    "pydantic-ai": (CLIENTS / "python/bin/python", "pydantic_ai_client.py"),
    "langgraph": (CLIENTS / "langchain/bin/python", "langgraph_client.py"),
    "openai-agents": (CLIENTS / "python/bin/python", "openai_agents_client.py"),
}


def environment():
    return dict(os.environ, PATH=f"{NODE}:{os.environ['PATH']}", RESONANT_NODE_MODULES=str(CLIENTS / "node_modules"),
                RESONANT_LOG="error", NO_COLOR="1")


class Scripted:
    """A client's script, and what it told by step. `place`: program and home, or URL and token."""

    def __init__(self, name, *place):
        interpreter, script = SCRIPTED[name]
        assert interpreter.exists(), f"{name} is missing; install it with: scripts/setup.sh clients"
        self.steps = {}
        self.process = subprocess.Popen([interpreter, SCRIPTS / script, *place], env=environment(),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)

    def read(self, until=None):
        for line in self.process.stdout:
            told = json.loads(line)
            self.steps[told["step"]] = told["what"]
            if told["step"] == until:
                return

    def finish(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        self.read()
        self.steps["end"] = self.process.stderr.read()[-2000:]
        self.steps["code"] = self.process.wait(PATIENCE)


def inspect(*words):
    """One run of the inspector: every call of it is a client of its own."""
    done = subprocess.run([CLIENTS / "node_modules/.bin/mcp-inspector", "--cli", *words],
                          env=environment(), capture_output=True, text=True, timeout=2 * PATIENCE)
    return done.stdout + done.stderr


def kill(kernel):
    pid = kernel.run("--json", "status")["pid"]
    os.kill(pid, signal.SIGKILL)
    if pid == kernel.process.pid:
        kernel.process.wait()


def start_again(kernel):
    """The next kernel, whoever starts it: who waits for one by stdio may have been first."""
    subprocess.run([PROGRAM, "mcp", "--home", kernel.home], env=kernel.environment, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, timeout=PATIENCE)
    kernel.run("--json", "status")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


TOOL = ["--method", "tools/call", "--tool-name"]
INSPECTED = {"list": ["--method", "tools/list"],
             "deny": [*TOOL, "gana_void_stores", "--tool-arg", "tool=memory.erase", "--tool-arg",
                      'args={"id": "m1", "reason": "no"}'],
             "again": [*TOOL, "gana_winnowing_basket_find", "--tool-arg", "tool=memory.search", "--tool-arg",
                       'args={"query": "heron"}']}


@pytest.fixture(scope="module")
def told():
    """What each client told, by transport; the kernel was killed after all were ready."""
    port = free_port()
    with Kernel(flags=(), toml=f"[http]\nport = {port}\n") as kernel:
        kernel.call("memory.add", {"content": "the first"})
        url, token = f"http://127.0.0.1:{port}/mcp", (kernel.home / "token").read_text().strip()
        inspector = {"stdio": [PROGRAM, "mcp", "-e", f"RESONANT_HOME={kernel.home}"],
                     "http": [url, "--transport", "http", "--header", f"Authorization: Bearer {token}"]}
        places = {"stdio": [PROGRAM, kernel.home], "http": [url, token]}
        clients = {(transport, name): Scripted(name, *place) for transport, place in places.items() for name in SCRIPTED}
        for client in clients.values():
            client.read(until="ready")
        seen = {transport: {step: inspect(*how, *INSPECTED[step]) for step in ("list", "deny")}
                for transport, how in inspector.items()}
        kill(kernel)
        start_again(kernel)
        for transport, how in inspector.items():
            seen[transport]["again"] = inspect(*how, *INSPECTED["again"])
        for client in clients.values():
            client.finish()
        yield {**{key: client.steps for key, client in clients.items()}, "inspector": seen}


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("name", SCRIPTED)
def test_a_client_lists_the_families(name, transport, told):
    steps = told[transport, name]
    assert "list" in steps, steps["end"]
    assert len(steps["list"]) == FAMILIES
    assert steps["list"][0] == "gana_horn_sessions"


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("name", SCRIPTED)
def test_a_client_calls_and_is_denied_with_the_reason(name, transport, told):
    steps = told[transport, name]
    assert "call" in steps and '"id"' in steps["call"].replace("'", '"').replace('\\', ""), steps
    assert "permission_denied" in steps["deny"], steps


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("name", SCRIPTED)
def test_a_client_goes_on_after_the_kernel_was_killed(name, transport, told):
    steps = told[transport, name]
    assert "lighthouse" in steps.get("again", ""), steps
    assert steps["code"] == 0, steps["end"]


def test_an_agent_with_a_test_model_calls_through_a_family(told):
    for transport in ("stdio", "http"):
        agent = told[transport, "pydantic-ai"]["agent"]
        assert "ready" in agent or "tool" in agent


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_inspector_lists_is_denied_and_goes_on(transport, told):
    steps = told["inspector"][transport]
    assert steps["list"].count('"gana_') == FAMILIES, steps["list"][:2000]
    assert "permission_denied" in steps["deny"]
    assert "lighthouse" in steps["again"]


@pytest.mark.parametrize("client", ["claude", "claude-desktop", "cursor", "vscode", "codex", "gemini", "windsurf", "zed", "cline", "opencode"])
def test_a_client_config_block_starts_as_it_stands(client, tmp_path):
    """With the environment that such clients give: almost none."""
    home = tmp_path / "home"
    text = subprocess.run([PROGRAM, "--home", home, "--json", "client-config", client], capture_output=True,
                          text=True, check=True, timeout=PATIENCE).stdout
    block = json.loads(text)
    (section,) = block.values()
    (entry,) = section.values()
    words = entry["command"] if client == "opencode" else [entry["command"], *entry["args"]]
    bare = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **entry.get("env", {})}
    process = subprocess.Popen(words, env=bare, cwd="/", stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        one = Client.over(process)
        assert len(one.ask("tools/list")["result"]["tools"]) == FAMILIES
    finally:
        process.stdin.close()
        process.wait(PATIENCE)
        subprocess.run([PROGRAM, "--home", home, "down"], env=bare, capture_output=True, timeout=PATIENCE)
