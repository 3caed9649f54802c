"""What the demo stands on: a fresh home with its kernel and MCP clients, and lines that are checked."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import httpx2
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

ROOT = pathlib.Path(__file__).resolve().parents[1]
PATIENCE_S = 60  # for a command or a call; a bound, never a measure


class Missed(AssertionError):
    """A check that did not hold: what was expected and what was seen."""

    def __init__(self, expected, seen):
        super().__init__(f"expected {expected}; seen {seen}")


def expect(condition, expected, seen):
    if not condition:
        raise Missed(expected, shortened(seen, 600))


def shortened(value, most):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def duration(seconds):
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


class Report:
    """Prints one line a step and counts."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.on_terminal = sys.stdout.isatty()
        self.quarter = 0  # of the bar, where it is printed in quarters

    @contextlib.asynccontextmanager
    async def step(self, number, what):
        """One step. The body calls see(words); an exception is a failure that is told and counted."""
        words = []
        start = time.monotonic()
        self.quarter = 0
        try:
            yield words.append
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as error:
            self.failed += 1
            self._line("FAIL", number, what, time.monotonic() - start, f"{type(error).__name__}: {error}")
        else:
            self.passed += 1
            self._line("ok", number, what, time.monotonic() - start, "; ".join(words))

    def _line(self, mark, number, what, taken, words):
        if self.on_terminal:
            print("\r\033[K", end="")
        print(f"{mark:4} ({number}) {what:<44} {duration(taken):>8}   {words}", flush=True)

    def bar(self, what, done, total):
        """A progress bar: on a terminal in place, elsewhere a line each quarter."""
        share = min(1.0, done / total) if total else 1.0
        drawn = "#" * int(share * 30)
        line = f"     {what:<14} [{drawn:<30}] {int(done):>5} of {int(total)}"
        if self.on_terminal:
            print("\r\033[K" + line, end="", flush=True)
        elif share * 4 >= self.quarter + 1:
            self.quarter = int(share * 4)
            print(line, flush=True)

    def end(self):
        print(f"demo: {self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.failed == 0 else 1


class Stage:
    """A fresh home, and everything that is started on it; close() leaves nothing behind."""

    def __init__(self, program):
        self.program = pathlib.Path(program)
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="resonant-demo-"))
        self.port = free_port()
        self.secret = ""
        self.log = open(self.home.parent / (self.home.name + ".log"), "w+")
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("RESONANT_ADMIN")}

    def run(self, *words, owner=False, home=None, codes=(0,)):
        """A subcommand of the program; its JSON answer."""
        environment = dict(self.environment, RESONANT_ADMIN_SECRET=self.secret) if owner else self.environment
        done = subprocess.run(
            [self.program, "--home", home or self.home, "--json", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        expect(
            done.returncode in codes,
            f"`resonant {' '.join(words)}` to exit with {' or '.join(map(str, codes))}",
            f"exit {done.returncode}: {done.stdout}{done.stderr}",
        )
        return json.loads(done.stdout)

    def prepare(self):
        """Makes the home: admin secret, and a free port for HTTP."""
        self.secret = self.run("init")["admin_secret"]
        (self.home / "resonant.toml").write_text(f"[http]\nport = {self.port}\n")

    def stdio(self, *flags, mode="legacy"):
        """An MCP client that starts `resonant mcp` and speaks with it over pipes."""
        keys = ("RESONANT_MODEL", "XDG_CACHE_HOME", "RESONANT_LOG")
        server = StdioServerParameters(
            command=str(self.program),
            args=["mcp", "--home", str(self.home), *flags],
            env={key: os.environ[key] for key in keys if key in os.environ},
        )
        return Client(stdio_client(server, errlog=self.log), mode=mode, read_timeout_seconds=PATIENCE_S)

    @contextlib.asynccontextmanager
    async def http(self):
        """An MCP client over HTTP with the home's bearer token."""
        token = (self.home / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as connection:
            transport = streamable_http_client(f"http://127.0.0.1:{self.port}/mcp", http_client=connection)
            async with Client(transport, read_timeout_seconds=PATIENCE_S) as client:
                yield client

    def kernel(self):
        """The process id of the kernel."""
        return self.run("status")["pid"]

    def kill_kernel(self):
        process = self.kernel()
        os.kill(process, signal.SIGKILL)
        return process

    def close(self):
        # 4: none is running, which is as good.
        subprocess.run([self.program, "--home", self.home, "down"], capture_output=True, timeout=PATIENCE_S)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)
        os.unlink(self.log.name)

    def last_words(self):
        """The end of what kernel and clients logged, for a failure."""
        self.log.flush()
        logs = [pathlib.Path(self.log.name), self.home / "kernel.log"]
        lines = [line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()[-10:]]
        return "\n".join("     log: " + line for line in lines)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Tools:
    """Calls tools through a client that lists families: {"tool": dotted name, "args": {...}}."""

    def __init__(self, client, families):
        self.client = client
        self.families = families  # dotted name -> name of the family's entry

    async def call(self, tool, arguments=None, progress=None, timeout=None):
        """(content, is_error) of a call."""
        result = await self.client.call_tool(
            self.families[tool],
            {"tool": tool, "args": arguments or {}},
            progress_callback=progress,
            read_timeout_seconds=timeout,
        )
        return result.structured_content, result.is_error

    async def get(self, tool, arguments=None, **options):
        """The content of a call that must succeed."""
        content, is_error = await self.call(tool, arguments, **options)
        expect(not is_error, f"{tool} to succeed", content)
        return content

    async def refusal(self, tool, arguments=None):
        """The denial of a call that must be refused."""
        content, is_error = await self.call(tool, arguments)
        expect(is_error and "denial" in content, f"{tool} to be denied", content)
        return content["denial"]
