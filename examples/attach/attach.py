"""Attaches to a kernel from Python through libresonant_client (include/resonant.h), reads a field and follows the ring.

    python3 attach.py LIBRARY HOME/plane.sock EVENTS
"""

import ctypes
import sys


class Event(ctypes.Structure):
    _fields_ = [("position", ctypes.c_uint64), ("type", ctypes.c_uint16), ("lane", ctypes.c_uint8),
                ("source", ctypes.c_uint32), ("confidence", ctypes.c_float), ("tool", ctypes.c_uint32),
                ("at_ns", ctypes.c_int64), ("data", ctypes.c_uint64 * 4), ("name", ctypes.c_char * 48)]


def main():
    library, socket, left = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
    resonant = ctypes.CDLL(library)
    resonant.resonant_attach.restype = ctypes.c_void_p
    resonant.resonant_event_name.restype = ctypes.c_char_p
    resonant.resonant_lost.restype = ctypes.c_uint64
    error = ctypes.create_string_buffer(256)
    plane = ctypes.c_void_p(resonant.resonant_attach(socket, error, len(error)))
    if not plane:
        raise SystemExit(error.value.decode())
    value = ctypes.c_double()
    resonant.resonant_field(plane, b"traffic.error_rate", ctypes.byref(value))
    print(f"error_rate {value.value:.3f}", flush=True)
    event = Event()
    while left > 0 and resonant.resonant_wait(plane, ctypes.c_int64(30_000_000_000)) >= 0:
        while left > 0 and resonant.resonant_poll(plane, ctypes.byref(event)):
            print(event.position, resonant.resonant_event_name(event.type).decode(), event.name.decode(), flush=True)
            left -= 1
    print("lost", resonant.resonant_lost(plane))
    resonant.resonant_detach(plane)


if len(sys.argv) != 4:
    raise SystemExit(__doc__)
main()
