"""Helpers of the kernel's user read its channel: with the iceoryx2 client of the Python index, by docs/formats/ipc.md."""

import ctypes
import fcntl
import mmap
import os
import socket
import struct
import sys
import time

import pytest

from wire import PATIENCE, ROOT, Kernel

sys.path.append(str(ROOT / "build/bindings"))


@pytest.fixture
def kernel():
    running = Kernel()
    yield running
    running.close()


def asked(kernel, line):
    """One line to the plane's socket and its answer."""
    with socket.socket(socket.AF_UNIX) as plane:
        plane.settimeout(PATIENCE)
        plane.connect(str(kernel.home / "plane.sock"))
        plane.sendall(line.encode() + b"\n")
        return plane.makefile().readline().strip()


def place_of(kernel, kind):
    answer = asked(kernel, f"channel {kind}")
    if "left out" in answer:
        pytest.skip(answer)
    word, prefix, folder = answer.split(" ", 2)
    assert word == "ok"
    return prefix, folder


class Line(ctypes.Structure):
    _fields_ = [("words", ctypes.c_uint64 * 8)]

    @staticmethod
    def type_name():
        return "ResonantLine"


class Sample(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint64), ("position", ctypes.c_uint64), ("body", ctypes.c_uint64)]

    @staticmethod
    def type_name():
        return "ResonantSample"


def iceoryx2_node(prefix, folder):
    import iceoryx2
    iceoryx2.set_log_level(iceoryx2.LogLevel.Fatal)
    config = iceoryx2.config.default()
    config.global_cfg.root_path = iceoryx2.Path.new(folder)
    config.global_cfg.prefix = iceoryx2.FileName.new(prefix)
    return iceoryx2, iceoryx2.NodeBuilder.new().config(config).create(iceoryx2.ServiceType.Ipc)


def harmony_in(page):
    """By docs/formats/board.md, out of a copy of the page."""
    assert struct.unpack_from("<QQ", page, 0) == (0x3244524F424D5752, 2)
    newest, = struct.unpack_from("<Q", page, 384)
    version, *harmony = struct.unpack_from("<Q7d", page, 448 + 64 * (newest & 1))
    assert version == newest
    return harmony


def test_the_iceoryx2_client_reads_board_snapshots_and_is_woken(kernel):
    iceoryx2, node = iceoryx2_node(*place_of(kernel, "iceoryx2"))

    def service(name):
        return node.service_builder(iceoryx2.ServiceName.new(name))

    subscriber = (service("resonant/board").publish_subscribe(iceoryx2.Slice[Line]).user_header(Sample).open()
                  .subscriber_builder().create())
    listener = service("resonant/notices").event().open().listener_builder().create()
    pages = []
    deadline = time.monotonic() + PATIENCE
    while len(pages) < 5 and time.monotonic() < deadline:
        kernel.call("health.check")  # moves the board
        sample = subscriber.receive()
        while sample is not None:
            header = sample.user_header().contents
            assert (header.bytes, header.body) == (4096, 0)
            assert sample.payload_ptr % 64 == 0
            pages.append((header.position, ctypes.string_at(sample.payload_ptr, header.bytes)))
            sample.delete()
            sample = subscriber.receive()
    assert len(pages) >= 5
    positions = [position for position, _ in pages]
    assert positions == sorted(set(positions))
    assert all(0 <= value <= 1 for _, page in pages for value in harmony_in(page))
    assert listener.try_wait(), "notice 0 comes with each board sample"


def test_a_pure_python_helper_joins_the_sealed_channel(kernel):
    prefix, folder = place_of(kernel, "sealed")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
        channel.settimeout(PATIENCE)
        channel.connect(f"{folder}/sealed.sock")
        channel.send(b"join")
        names, descriptors, _, _ = socket.recv_fds(channel, 65536, 16)
        assert names == b"board\nbatches\n\n" and len(descriptors) == 3
        channel.send(b"question" + b"epoch")
        answer = channel.recv(65536)
        assert answer.startswith(b"question") and int(answer[8:]) >= 1
    topic = descriptors[1]
    with pytest.raises(OSError):
        os.pwrite(topic, b"x", 0)
    head = os.pread(topic, 384, 0)
    magic, slots, slot_bytes = struct.unpack_from("<QQQ", head, 0)
    following, = struct.unpack_from("<Q", head, 128)
    assert magic == 0x31504F5453575352 and following >= 1
    newest = following - 1
    slot = os.pread(topic, slot_bytes, 384 + newest % slots * slot_bytes)
    word, length = struct.unpack_from("<QQ", slot, 0)
    assert word == 2 * (newest + 1) and length == 4096
    assert all(0 <= value <= 1 for value in harmony_in(slot[64:64 + length]))


def test_arrow_segments_come_by_reference_and_are_mapped(kernel):
    import pyarrow.ipc
    iceoryx2, node = iceoryx2_node(*place_of(kernel, "iceoryx2"))
    subscriber = (node.service_builder(iceoryx2.ServiceName.new("resonant/batches"))
                  .publish_subscribe(iceoryx2.Slice[Line]).user_header(Sample).open().subscriber_builder().create())
    deadline = time.monotonic() + PATIENCE
    while (sample := subscriber.receive()) is None:
        assert time.monotonic() < deadline
        kernel.call("memory.add", {"content": f"the heron waits at the weir {time.monotonic()}"})
        time.sleep(0.1)
    header = sample.user_header().contents
    reference = ctypes.string_at(sample.payload_ptr, header.bytes)
    sample.delete()
    assert header.body == 1
    offset, length = struct.unpack_from("<QQ", reference)
    with pyarrow.memory_map(reference[16:].decode()) as file:
        assert (offset, length) == (0, file.size())
        assert pyarrow.ipc.open_file(file).read_all().num_rows >= 1


class HelperRing:
    """A sealed exclusive ring by docs/formats/ring.md, with nothing of ours."""

    BYTES = 4096 + 65536 * 128

    def __init__(self):
        self.writable = os.memfd_create("helper", os.MFD_ALLOW_SEALING)
        os.ftruncate(self.writable, self.BYTES)
        self.memory = mmap.mmap(self.writable, self.BYTES)
        struct.pack_into("<5Q", self.memory, 0, 0x32474E4952575352, 3, 1, 65536, 1)
        future_write, seal, shrink, grow = 0x10, 0x1, 0x2, 0x4
        fcntl.fcntl(self.writable, fcntl.F_ADD_SEALS, future_write | seal | shrink | grow)
        self.descriptor = os.open(f"/proc/self/fd/{self.writable}", os.O_RDONLY)
        self.next = 0

    def publish(self, kind, name=""):
        slot = 4096 + 64 * (self.next % 65536)
        far = slot + 65536 * 64
        at = slot + 8
        struct.pack_into("<HBBIfI", self.memory, at, kind, 0, 1 if name else 0, 0, 1.0, 0)
        struct.pack_into("<q32s", self.memory, at + 16, 0, b"")
        struct.pack_into("<48s", self.memory, far, name.encode())
        struct.pack_into("<Q", self.memory, slot, (self.next + 1) << 12 | 2)
        self.next += 1


def test_a_helpers_ring_is_judged_by_its_clearance_until_it_is_revoked(kernel):
    ring = HelperRing()
    with socket.socket(socket.AF_UNIX) as plane:
        plane.settimeout(PATIENCE)
        plane.connect(str(kernel.home / "plane.sock"))
        answers = plane.makefile()
        socket.send_fds(plane, [b"helper tide custom tool_denied\n"], [ring.descriptor])
        assert "the owner does not let it publish tool_denied" in answers.readline()
        socket.send_fds(plane, [b"helper tide custom\n"], [ring.descriptor])
        assert answers.readline().strip() == "ok"

        def say(line):
            plane.sendall(line.encode() + b"\n")
            return answers.readline().strip()

        ring.publish(49, "tide.turned")
        ring.publish(2)  # system_stopped: not cleared
        ring.publish(60_000)
        assert say("news") == "ok"
        assert say("helped tide").startswith("ok taken 3 republished 1 refused 1 damaged 1 ")
        (listed,) = kernel.run("helper", "list", "--json")["helpers"]
        assert listed["helper"] == "tide" and listed["events"] == ["custom"] and listed["refused"] == 1
        assert kernel.run("helper", "revoke", "tide", "--json") == {"revoked": "tide", "events": "all"}
        ring.publish(49, "tide.turned")
        assert say("news") == "ok"
        assert say("helped tide").startswith("ok taken 4 republished 1 refused 2 ")
        answers.close()  # it holds the connection, too
    deadline = time.monotonic() + PATIENCE
    while asked(kernel, "helped tide").startswith("ok") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "no such helper" in asked(kernel, "helped tide"), "it is forgotten when it hangs up"
    noted = [entry["tool"] for entry in kernel.run("ledger", "tail", "--json")["entries"] if entry["tool"].startswith("helper_")]
    assert noted == ["helper_revoked", "helper_admitted"]


def test_an_unknown_kind_of_channel_is_named_as_such(kernel):
    assert "known: sealed, iceoryx2" in asked(kernel, "channel pigeon")


def test_doctor_says_whether_iceoryx2_is_there(kernel):
    parts = {part["part"]: part for part in kernel.run("doctor", "--json")["parts"]}
    built = "left out" not in asked(kernel, "channel iceoryx2")
    assert parts["iceoryx2"]["present"] == built
    assert "sealed descriptors" in parts["iceoryx2"]["detail"]
    in_use = parts["paths in use"]["detail"]
    assert "sealed read-only descriptors" in in_use and "kernel " in in_use


def test_doctor_says_which_channels_are_in_use(kernel):
    place_of(kernel, "sealed")
    parts = {part["part"]: part for part in kernel.run("doctor", "--json")["parts"]}
    assert "channels of helpers: sealed" in parts["paths in use"]["detail"]
