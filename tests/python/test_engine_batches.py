"""Engine batches from outside the kernel: through a sealed descriptor and PyCapsules, and through the file."""

import mmap
import os

import pyarrow as pa
import pytest

import batches
from wire import PROGRAM, Kernel


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    client = kernel.client()
    for number in range(30):
        client.call("memory.add", {"content": f"the heron number {number} waits", "importance": number / 30})
    client.call("memory.add", {"content": "nobody's business", "private": True})
    output = kernel.call("engine.output", {"engine": "serendipity", "limit": 1})
    assert output["rows"] > 0
    yield kernel
    kernel.close()


def tables():
    return PROGRAM.parent / "libresonant_tables.so"


def test_pyarrow_reads_a_batch_of_another_process_through_capsules_without_a_copy(kernel):
    descriptor, size = batches.fetch(kernel.home, "galactic")
    batch = pa.record_batch(batches.Batch(tables(), descriptor, size))
    assert batch.num_rows == 30, "private memories stay out"
    assert batch.schema.names[:3] == ["memory_id", "distance", "zone"]
    assert batch.column("memory_id").to_pylist() == list(range(1, 31))
    mapped = [line.split()[0] for line in open("/proc/self/maps") if "resonant-galactic" in line]
    ranges = [tuple(int(end, 16) for end in line.split("-")) for line in mapped]
    for name in batch.schema.names:
        address = batch.column(name).buffers()[1].address
        assert any(begin <= address < end for begin, end in ranges), f"{name} was copied, it lies outside the segment"
    os.close(descriptor)
    assert batch.column("zone").to_pylist()[0] in range(5), "the pages stay while the batch lives"


def test_the_descriptor_is_good_for_reading_only(kernel):
    descriptor, size = batches.fetch(kernel.home, "galactic")
    with pytest.raises(PermissionError):
        mmap.mmap(descriptor, size, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    with pytest.raises(OSError):
        os.truncate(f"/proc/self/fd/{descriptor}", 0)
    os.close(descriptor)


def test_the_file_of_an_engine_holds_the_same_rows(kernel):
    descriptor, size = batches.fetch(kernel.home, "serendipity")
    shared = pa.record_batch(batches.Batch(tables(), descriptor, size))
    os.close(descriptor)
    table = pa.ipc.open_file(pa.memory_map(str(kernel.home / "engines" / "serendipity.arrow"))).read_all()
    assert table.to_pydict() == pa.Table.from_batches([shared]).to_pydict()


def test_an_engine_that_has_published_nothing_is_refused_with_words(kernel):
    with pytest.raises(LookupError, match="published nothing"):
        batches.fetch(kernel.home, "narrative")
    with pytest.raises(OSError):
        reader, writer = os.pipe()
        pa.record_batch(batches.Batch(tables(), reader, 4096))
