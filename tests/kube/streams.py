"""The two protocols in which kubectl attaches to a container: SPDY/3.1 and WebSocket, the server's side.

Each class has send(channel, bytes), finish(code) and receive(), which returns (channel, bytes), (channel, None) when the client closes
a channel, and None when the connection has ended. Channels are STDIN, STDOUT, STDERR and ERROR.
"""
import base64
import hashlib
import json
import socket
import struct
import threading
import zlib

STDIN, STDOUT, STDERR, ERROR = range(4)
SUCCESS = json.dumps({"metadata": {}, "status": "Success"}).encode()


class Ended(Exception):
    pass


def exactly(file, n):
    data = file.read(n) if n else b""
    if len(data) != n:
        raise Ended
    return data


class WebSocket:
    PROTOCOL = "v5.channel.k8s.io"
    CLOSE = 255  # a channel whose messages name a channel that is closed

    def __init__(self, handler):
        self.socket, self.file, self.lock = handler.connection, handler.rfile, threading.Lock()
        key = handler.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.socket.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {self.PROTOCOL}\r\n\r\n").encode())

    def frame(self, opcode, data):
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data)) if len(data) < 65536 else \
            b"\x7f" + struct.pack(">Q", len(data))
        with self.lock:
            self.socket.sendall(bytes([0x80 | opcode]) + size + data)

    def send(self, channel, data):
        self.frame(2, bytes([channel]) + data)

    def finish(self):
        self.send(ERROR, SUCCESS)
        self.frame(8, struct.pack(">H", 1000))

    def receive(self):
        while True:
            try:
                first, second = exactly(self.file, 2)
                size = second & 127
                if size > 125:
                    size = int.from_bytes(exactly(self.file, 2 if size == 126 else 8), "big")
                mask = exactly(self.file, 4)
                data = bytes(b ^ mask[i % 4] for i, b in enumerate(exactly(self.file, size)))
            except (Ended, OSError, ValueError):
                return None
            opcode = first & 15
            if opcode == 8:
                return None
            if opcode == 9:
                self.frame(10, data)
            elif opcode == 2 and data:
                return (data[1], None) if data[0] == self.CLOSE else (data[0], data[1:])


class Spdy:
    """SPDY/3.1, as much of it as kubectl uses."""

    PROTOCOL = "v4.channel.k8s.io"
    CHANNELS = {"stdin": STDIN, "stdout": STDOUT, "stderr": STDERR, "error": ERROR}

    def __init__(self, handler, dictionary):
        self.socket, self.file, self.lock = handler.connection, handler.rfile, threading.Lock()
        self.inflate, self.deflate = zlib.decompressobj(zdict=dictionary), zlib.compressobj(zdict=dictionary)
        self.channels, self.streams = {}, {}  # stream -> channel, and back
        self.complete = threading.Event()
        self.socket.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n"
                             f"X-Stream-Protocol-Version: {self.PROTOCOL}\r\n\r\n").encode())

    def control(self, kind, data):
        with self.lock:
            self.socket.sendall(struct.pack(">HHI", 0x8003, kind, len(data)) + data)

    def send(self, channel, data, last=False):
        with self.lock:
            self.socket.sendall(struct.pack(">II", self.streams[channel], (0x01000000 if last else 0) | len(data)) + data)

    def finish(self):
        self.send(ERROR, SUCCESS, last=True)
        for channel in (STDOUT, STDERR):
            self.send(channel, b"", last=True)
        self.control(7, struct.pack(">II", 0, 0))

    def open(self, data):
        """Answers a new stream."""
        stream = struct.unpack(">I", data[:4])[0] & 0x7FFFFFFF
        block, at, headers = self.inflate.decompress(data[10:]), 4, []
        for _ in range(2 * struct.unpack(">I", block[:4])[0]):
            size = struct.unpack(">I", block[at : at + 4])[0]
            headers.append(block[at + 4 : at + 4 + size].decode())
            at += 4 + size
        channel = self.CHANNELS[dict(zip(headers[::2], headers[1::2]))["streamtype"]]
        self.channels[stream], self.streams[channel] = channel, stream
        none = self.deflate.compress(struct.pack(">I", 0)) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.control(2, struct.pack(">I", stream) + none)
        if len(self.streams) == 4:
            self.complete.set()

    def receive(self):
        while True:
            try:
                word, flags_size = struct.unpack(">II", exactly(self.file, 8))
                data = exactly(self.file, flags_size & 0xFFFFFF)
            except (Ended, OSError, ValueError):
                return None
            kind = word & 0xFFFF if word >> 31 else None
            if kind == 1:
                self.open(data)
            elif kind == 6:
                self.control(6, data)
            elif kind == 7:
                return None
            elif kind is None:
                channel = self.channels.get(word, ERROR)
                return (channel, data) if data else (channel, None)


def spdy_dictionary(kubectl):
    """Returns the dictionary with which SPDY compresses headers. It is a constant of the protocol, which every program that speaks it
    holds."""
    program = open(kubectl, "rb").read()
    at = program.find(b"\0\0\0\x07options\0\0\0\x04head")
    return program[at : at + 1423] if at >= 0 else None


def reset(connection):
    """Cuts a connection, as a machine does that goes away and comes back."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()
