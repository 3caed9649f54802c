"""Reads an engine's batch from another process: the kernel hands a sealed descriptor over, the library beside
the program maps it and gives it on through the Arrow C data interface, as any Arrow library takes it."""

import array
import ctypes
import os
import socket
import struct


class _Schema(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_byte * 72)]


class _Array(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_byte * 80)]


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class Batch:
    """One record batch. `pyarrow.record_batch(Batch(...))` and its like read it where it lies."""

    def __init__(self, library, descriptor, size):
        self.library = ctypes.CDLL(str(library))
        self.descriptor = descriptor
        self.size = size

    def __arrow_c_array__(self, requested_schema=None):
        # The structures must outlive the capsules; whoever imports them moves what they hold.
        self.schema, self.array = _Schema(), _Array()
        error = ctypes.create_string_buffer(256)
        failed = self.library.resonant_open_batch(
            self.descriptor, ctypes.c_ulonglong(self.size), ctypes.byref(self.schema), ctypes.byref(self.array),
            error, len(error))
        if failed:
            raise OSError(error.value.decode())
        return (_new_capsule(ctypes.addressof(self.schema), b"arrow_schema", None),
                _new_capsule(ctypes.addressof(self.array), b"arrow_array", None))


def fetch(home, engine):
    """(descriptor, bytes) of the newest batch of `engine`, from the kernel's plane.sock."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.connect(str(home / "plane.sock"))
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with here, there:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [there.fileno()]))]
            door.sendmsg([f"batch {engine}\n".encode()], rights)
            answer = door.makefile("r").readline().strip()
            if not answer.startswith("ok"):
                raise LookupError(answer)
            data, control, _, _ = here.recvmsg(4096, socket.CMSG_SPACE(4))
            descriptor = struct.unpack("i", control[0][2][:4])[0]
            while len(data) < 8 or len(data) < 8 + struct.unpack_from("<I", data)[0]:
                data += here.recv(4096)
            length = struct.unpack_from("<I", data)[0]
            return descriptor, int(data[8:8 + length].split()[1])


def close(descriptor):
    os.close(descriptor)
