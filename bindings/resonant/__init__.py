"""Board and ring of a running Resonant Swarm kernel, read-only.

    board = resonant.Board(home)          a home, its plane.sock, or what `resonant agent address` prints; or the number of a descriptor that was handed over
    board["error_rate"]                   one field, one load, never torn
    board["user.queue_depth"]             a field of your own, from [[board_field]] in resonant.toml
    fast = board.number_of("error_rate"); board[fast]      the same, at the price of a dictionary lookup
    numpy.frombuffer(board, "f8")         the page without a copy (docs/formats/board.md)

    ring = resonant.Ring(home)
    async for event in ring: ...          or: event = await ring.poll()
    ring.lost                             events overwritten before this reader came, exactly

When the kernel ends, poll() and wait() raise KernelEnded; attach_again() maps what the next kernel shares. A
sequence is (epoch, position): positions begin anew with each kernel.
"""

import asyncio
import os
import pathlib
from typing import NamedTuple

from resonant import _native


class KernelEnded(ConnectionResetError):
    """The kernel has ended; what is mapped stands still."""


class Event(NamedTuple):
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


def _socket_of(home):
    if isinstance(home, str) and home.startswith("@"):
        return home
    path = pathlib.Path(os.fspath(home)).expanduser()
    return str(path / "plane.sock" if path.is_dir() else path)


class Board(_native.Board):
    def __init__(self, home):
        super().__init__(home if isinstance(home, int) else _socket_of(home))


class Ring(_native.Ring):
    def __init__(self, home):
        super().__init__(_socket_of(home))

    def poll_now(self):
        """The next event, or None. Never waits."""
        event = self._poll_now()
        return None if event is None else Event(self.epoch, *event)

    async def poll(self):
        """The next event. Other coroutines run meanwhile; no thread of theirs is held."""
        while (event := self.poll_now()) is None:
            if not self._is_alive():
                raise KernelEnded("the kernel has ended; attach_again() once the next one runs")
            await self._news()
        return event

    def wait(self, timeout_s):
        """Whether there is news within the time. Sleeps without the interpreter's lock."""
        try:
            return super().wait(timeout_s)
        except ConnectionResetError as ended:
            raise KernelEnded(*ended.args) from None

    def attach_again(self):
        """Whether a kernel answers. Its events are read from the first one on; `epoch` tells whether it is another."""
        return self._attach_again()

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self.poll()

    async def _news(self):
        loop = asyncio.get_running_loop()
        came = loop.create_future()
        descriptor = self._listen()
        loop.add_reader(descriptor, lambda: came.done() or came.set_result(None))
        try:
            await came
        finally:
            loop.remove_reader(descriptor)
