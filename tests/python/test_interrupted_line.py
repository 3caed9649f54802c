"""What `resonant mcp` writes for a kernel that died while it wrote: never an empty line, and every owed id once.

The kernel is played by the test: it takes a client over, leaves the journal as a killed one would, and hangs up.
"""

import json
import mmap
import os
import pathlib
import socket
import struct
import subprocess
import tempfile

import pytest

from wire import PATIENCE, PROGRAM

MID_LINE = 12  # docs/formats/wire.md


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="resonant-test-") as folder:
        path = pathlib.Path(folder)
        subprocess.run([PROGRAM, "--home", path, "init", "--json"], check=True, capture_output=True)
        yield path


def adopt(listener):
    """Takes the next client over; its link, its output and its journal."""
    link, _ = listener.accept()
    _, fds, _, _ = socket.recv_fds(link, 4096, 3)
    link.sendall(b'{"ok":true}\n')
    os.close(fds[0])
    return link, fds[1], fds[2]


def die_within(journal):
    size = os.fstat(journal).st_size
    with mmap.mmap(journal, size) as shared:
        shared[MID_LINE:MID_LINE + 4] = struct.pack("<I", 1)


@pytest.mark.parametrize("written", [b"", b'{"jsonrpc":"2.0","id":1,"result":{}}\n', b'{"jsonrpc":"2.0","id":1,"res'])
def test_a_line_that_may_be_cut_is_ended_by_a_message(home, written):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "kernel.sock"))
        listener.listen(4)
        client = subprocess.Popen([PROGRAM, "mcp", "--home", home], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        link, output, journal = adopt(listener)
        os.write(output, written)
        die_within(journal)
        for end in (output, journal):
            os.close(end)
        link.close()
        link, output, journal = adopt(listener)
        os.write(output, b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"next"}}\n')
        link.sendall(b'{"event":"closed","why":"the test is over"}\n')
        for end in (output, journal):
            os.close(end)
        lines = client.stdout.read().splitlines()
        assert client.wait(PATIENCE) == 0
        client.stdin.close()
        client.stdout.close()
        link.close()
    cut = 1 if written and not written.endswith(b"\n") else 0
    readable = [json.loads(line) for line in lines[cut:]]
    assert b"" not in lines
    assert readable[-1]["params"]["data"] == "next"
    assert len(lines) == (written.count(b"\n") + 2)
