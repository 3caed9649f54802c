"""What follows in the background follows by itself: no second call has to push it."""

import time

import wire

PATIENCE_S = 60


def test_the_only_memory_of_a_home_gets_its_vector():
    with wire.Kernel() as kernel:
        client = kernel.client()
        client.call("memory.add", {"content": "the only memory there is, of lighthouses"})
        deadline = time.monotonic() + PATIENCE_S
        while client.call("vector.status")[0]["embedded"] < 1:
            assert time.monotonic() < deadline, client.call("vector.status")
            time.sleep(0.05)
