"""A kernel of its own for each test, and a small MCP client that speaks lines of JSON-RPC over stdio.

Small on purpose: these tests send what no SDK would send. The real clients have tests of their own.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import queue

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("RESONANT_PROGRAM", ROOT / "build" / "resonant"))
PATIENCE = 60  # seconds; a bound, never a measure
FAMILIES = 23  # those of the 28 that have a tool that is built


class Kernel:
    """A home in a temporary folder, its kernel, and clients attached to it."""

    def __init__(self, faults="", flags=("--no-http",), policy=None, environment=None, toml=None):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="resonant-test-"))
        self.environment = {**os.environ, "RESONANT_FAULTS": faults, "RESONANT_LOG": "error", "RESONANT_CHECK_ANSWERS": "1", **(environment or {})}
        self.clients = []
        self.secret = self.run("init", "--json")["admin_secret"]
        if policy is not None:
            (self.home / "policy.d").mkdir(exist_ok=True, mode=0o700)
            (self.home / "policy.d" / "10-test.yaml").write_text(policy)
        if toml is not None:
            (self.home / "resonant.toml").write_text(toml)
        self.flags = flags
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, "up", "--home", self.home, *self.flags],
            env=self.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + PATIENCE
        while subprocess.run([PROGRAM, "--home", self.home, "status"], env=self.environment,
                             capture_output=True).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the kernel did not start: {self.process.stderr.read()}")
            time.sleep(0.02)

    def run(self, *words, owner=False, check=True):
        """A subcommand of the program; its --json answer."""
        environment = dict(self.environment)
        if owner:
            environment["RESONANT_ADMIN_SECRET"] = self.secret
        done = subprocess.run([PROGRAM, "--home", self.home, *(word for word in ("--json",) if word not in words), *words],
                              env=environment, capture_output=True, text=True, timeout=PATIENCE)
        if check and done.returncode not in (0, 1, 3):
            raise AssertionError(f"{words}: exit {done.returncode}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else {"exit": done.returncode, "error": done.stderr}

    def call(self, tool, arguments=None, owner=False):
        """A tool call as the operator."""
        return self.run("--json", "call", tool, json.dumps(arguments or {}), owner=owner)

    def client(self):
        client = Client(self.home, self.environment)
        self.clients.append(client)
        return client

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()

    def close(self):
        for client in self.clients:
            client.close()
        subprocess.run([PROGRAM, "--home", self.home, "down"], env=self.environment, capture_output=True)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.stderr.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Client:
    """`resonant mcp` with its pipes; initialised on construction."""

    def __init__(self, home, environment=None, initialize=True):
        self._speak(subprocess.Popen(
            [PROGRAM, "mcp", "--home", home], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE), initialize)

    @classmethod
    def over(cls, process):
        """A client of a server that was started otherwise."""
        client = cls.__new__(cls)
        client._speak(process, True)
        return client

    def _speak(self, process, initialize):
        self.process = process
        self.next_id = 0
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if initialize:
            self.server = self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                                  "clientInfo": {"name": "wire-test", "version": "1"}})["result"]
            self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def send_raw(self, data):
        self.process.stdin.write(data if data.endswith(b"\n") else data + b"\n")
        self.process.stdin.flush()

    def send(self, message):
        self.send_raw(json.dumps(message).encode())

    def receive(self, patience=PATIENCE):
        line = self.lines.get(timeout=patience)
        assert line is not None, f"the server closed: {self.process.stderr.read().decode()}"
        return json.loads(line)

    def ask(self, method, params=None):
        """Sends a request and returns the answer with its id; notifications in between are dropped."""
        self.next_id += 1
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)
        while True:
            answer = self.receive()
            if answer.get("id") == self.next_id:
                return answer

    def call(self, tool, arguments=None):
        """A tool call; returns (structured content, is_error)."""
        answer = self.ask("tools/call", {"name": tool, "arguments": arguments or {}})
        assert "result" in answer, answer
        return answer["result"].get("structuredContent", {}), answer["result"].get("isError", False)

    def result(self, tool, arguments=None):
        """The whole result object of a tool call, with _meta."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments or {}})["result"]

    def denial(self, tool, arguments=None):
        """The denial of a call that must be refused."""
        content, is_error = self.call(tool, arguments)
        assert is_error and "denial" in content, f"{tool} was not refused: {content}"
        return content["denial"]

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
