"""Follows a kernel's ring from an event loop, and gives up its user when told to.

    PYTHONPATH=build/python build/venv/bin/python examples/attach/follow.py HOME EVENTS [UID]
"""

import asyncio
import mmap
import os
import sys

import resonant


def writes_that_succeeded(board):
    """Tries the page through Python's buffer and every descriptor of shared memory there is."""
    succeeded = 0 if memoryview(board).readonly else 1
    for name in os.listdir("/proc/self/fd"):
        link = f"/proc/self/fd/{name}"
        if not os.path.exists(link) or "memfd:resonant" not in os.readlink(link):
            continue
        for attempt in (lambda: os.pwrite(int(name), b"x", 0), lambda: os.ftruncate(int(name), 0),
                        lambda: mmap.mmap(int(name), 4096), lambda: os.pwrite(os.open(link, os.O_RDWR), b"x", 0)):
            try:
                attempt()
                succeeded += 1
            except OSError:
                pass
    return succeeded


async def main():
    board, ring = resonant.Board(sys.argv[1]), resonant.Ring(sys.argv[1])
    if len(sys.argv) > 3:
        os.setgroups([])
        os.setresgid(*[int(sys.argv[3])] * 3)
        os.setresuid(*[int(sys.argv[3])] * 3)
    print(f"uid {os.getuid()}, epoch {board.epoch}, error_rate {board['error_rate']:.3f}")
    print("writes that succeeded:", writes_that_succeeded(board), flush=True)
    left = int(sys.argv[2])
    async for event in ring:
        print(event.position, event.type, event.name, flush=True)
        left -= 1
        if left == 0:
            break
    print("lost", ring.lost)


if len(sys.argv) not in (3, 4):
    raise SystemExit(__doc__)
asyncio.run(main())
