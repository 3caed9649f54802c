"""Board and ring of a running Resonant Swarm kernel, read-only.

    board = resonant.Board()              the kernel of the usual home (RESONANT_HOME, else $XDG_STATE_HOME/resonant, else
                                          ~/.local/state/resonant); or Board(home)
    board["error_rate"]                   one field, one load, never torn; list(board) names them all
    board["user.queue_depth"]             a field of your own, from [[board_field]] in resonant.toml
    fast = board.number_of("error_rate"); board[fast]      the same, at the price of a dictionary lookup
    numpy.frombuffer(board, "f8")         the page without a copy (docs/formats/board.md)

    ring = resonant.Ring()
    async for event in ring: ...          or: event = await ring.poll()
    while ring.wait(1.0):                 without an event loop: sleeps until there is news,
        event = ring.poll_now()           then the next event, or None
    ring.lost                             events overwritten before this reader came, exactly

A home is a folder, its plane.sock, or what `resonant agent address` prints; a Board is also made of the number of a
descriptor that was handed over. Without a kernel both raise FileNotFoundError.

When the kernel ends, poll() and wait() raise KernelEnded, and a board stands still (is_alive()); attach_again() of both maps
what the next kernel shares. A sequence is (epoch, position): positions begin anew with each kernel.

Each coroutine, thread and process has a Ring of its own: after os.fork() make one in the child. A Board may be shared.

Tools (memories, monitors, sessions ...) are called by MCP: examples/python_client.
"""

import asyncio
import difflib
import os
import pathlib
from typing import NamedTuple

from resonant import _native

__all__ = ["Board", "Event", "KernelEnded", "Ring"]

_ENDED = "the kernel has ended; attach_again() once the next one runs"


class KernelEnded(ConnectionResetError):
    """The kernel has ended; what is mapped stands still until attach_again()."""


class Event(NamedTuple):
    """One event of the ring: docs/formats/ring.md has the types and what their four numbers of data are."""

    epoch: int
    position: int
    type: str
    lane: str
    source: int
    confidence: float
    tool: int
    at_ns: int
    data: tuple
    name: str

    @property
    def sequence(self):
        return self.epoch, self.position


def _usual_home():
    named = os.environ.get("RESONANT_HOME")
    if named:
        return named
    state = os.environ.get("XDG_STATE_HOME")
    return os.path.join(state if state else os.path.expanduser("~/.local/state"), "resonant")


def _socket_of(home):
    if home is None:
        home = _usual_home()
    elif isinstance(home, int):
        raise TypeError(f"{home!r} is not a home; give its folder, its plane.sock or an address")
    text = os.fsdecode(home)
    if text.startswith("@"):
        return text
    path = pathlib.Path(text).expanduser()
    return str(path if path.suffix == ".sock" else path / "plane.sock")


class Board(_native.Board):
    """The live numbers of a kernel: board["error_rate"]. Read-only; any coroutine or thread may read it."""

    def __init__(self, home=None):
        """Of the usual home, of a home, plane.sock or address, or of a descriptor's number."""
        super().__init__(home if isinstance(home, int) and not isinstance(home, bool) else _socket_of(home))

    def number_of(self, name):
        """The number of a field: board[number] is the fastest way to read it."""
        try:
            return super().number_of(name)
        except KeyError:
            near = difflib.get_close_matches(name, self.names(), 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise KeyError(f"there is no board field {name!r}; {hint}list(board) names them all") from None

    def keys(self):
        """The names of all fields, yours last: dict(board) reads each once."""
        return self.names()

    def __iter__(self):
        return iter(self.names())

    def __contains__(self, name):
        try:
            self[name]
        except KeyError:
            return False
        return True


class Ring(_native.Ring):
    """The events of a kernel, from now on: async for event in ring. One reader, one coroutine at a time."""

    _waited_for = False

    def __init__(self, home=None):
        """Of the usual home, or of a home, plane.sock or address."""
        super().__init__(_socket_of(home))

    def poll_now(self):
        """The next event, or None. Never waits."""
        event = self._poll_now()
        return None if event is None else Event(self.epoch, *event)

    async def poll(self):
        """The next event. Other coroutines run meanwhile; no thread of theirs is held."""
        while (event := self.poll_now()) is None:
            if not self.is_alive():
                raise KernelEnded(_ENDED)
            await self._news()
        return event

    def wait(self, timeout_s):
        """Whether there is news within so many seconds. Sleeps without the interpreter's lock; Ctrl-C ends it."""
        try:
            return self._wait(timeout_s)
        except ConnectionResetError:
            raise KernelEnded(_ENDED) from None

    def attach_again(self):
        """Whether a kernel answers. Its events are read from the first one on; `epoch` tells whether it is another."""
        return self._attach_again()

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self.poll()

    async def _news(self):
        if self._waited_for:
            raise RuntimeError("poll: another coroutine waits on this ring; give each a Ring of its own")
        loop = asyncio.get_running_loop()
        came = loop.create_future()
        descriptor = self._listen()
        self._waited_for = True
        loop.add_reader(descriptor, lambda: came.done() or came.set_result(None))
        try:
            await came
        finally:
            self._waited_for = False
            loop.remove_reader(descriptor)
