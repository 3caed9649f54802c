"""Reads a board's field from Python: one question a line on stdin, ns a read on stdout.

    PYTHONPATH=build/python python3 read_board.py PATH    PATH is a descriptor of the board, such as /proc/PID/fd/N

`field`: harmony.reliability through the module `resonant`, one load, so never torn.
`plain`: the same through a memoryview of doubles, with nothing of ours.
`dict`: a dictionary lookup, for scale.
`shared_memory`: eight bytes of multiprocessing.shared_memory, unpacked.
"""

import mmap
import os
import struct
import sys
import time
from multiprocessing import shared_memory

try:
    import resonant
except ImportError:
    resonant = None

READS = 500_000
ERROR_RATE = 280 // 8


def time_of(read):
    start = time.perf_counter_ns()
    read()
    return (time.perf_counter_ns() - start) / READS


def main():
    descriptor = os.open(sys.argv[1], os.O_RDONLY)
    fields = memoryview(mmap.mmap(descriptor, 4096, prot=mmap.PROT_READ)).cast("d")
    values = {"reliability": 1.0}

    ours = resonant and resonant.Board(descriptor)
    number = resonant and ours.number_of("reliability")

    def field():
        board = ours
        for _ in range(READS):
            board[number]

    def plain():
        board = fields
        for _ in range(READS):
            board[ERROR_RATE]

    def lookup():
        board = values
        for _ in range(READS):
            board["reliability"]

    shared = shared_memory.SharedMemory(create=True, size=4096)

    def unpacked():
        memory, unpack = shared.buf, struct.Struct("<d").unpack_from
        for _ in range(READS):
            unpack(memory, 280)

    questions = {"field": field if ours else plain, "plain": plain, "dict": lookup, "shared_memory": unpacked}
    os.sched_setaffinity(0, {0})
    try:
        for line in sys.stdin:
            print(time_of(questions[line.strip()]), flush=True)
    finally:
        shared.close()
        shared.unlink()


main()
