"""Small servers that stand for container runtimes: they answer on a unix socket what the test says."""

import json
import os
import socket
import threading
import time


class Server:
    """Listens on a socket, and answers each connection in a thread. The answer is bytes, or a function that gets the connection."""

    def __init__(self, path, answer, backlog=16):
        self.path, self.answer, self.asked, self.requests = str(path), answer, 0, []
        self.socket = socket.socket(socket.AF_UNIX)
        # The path may be longer than an address of a socket.
        folder = os.open(os.path.dirname(self.path), os.O_PATH)
        self.socket.bind(f"/proc/self/fd/{folder}/{os.path.basename(self.path)}")
        os.close(folder)
        self.socket.listen(backlog)

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        os.unlink(self.path)

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        with connection:
            try:
                if callable(self.answer):
                    self.answer(connection)
                else:
                    self.requests.append(connection.recv(4096))
                    connection.sendall(self.answer)
            except OSError:
                pass  # tophash has ended the connection


def http(body, status="200 OK", server="Docker/20.10.24 (linux)"):
    """An answer of Docker's API, or of podman's."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.0 {status}\r\nContent-Type: application/json\r\nServer: {server}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def row(id, name, image="localhost/shop:1", labels=None):
    """A container in the list of Docker."""
    return {"Id": id, "Names": ["/" + name], "Image": image, "ImageID": "sha256:0", "Command": "/shop", "State": "running", "Labels": labels or {}}


# What no runtime answers, by name. Each is to be refused in one line.


def silent(connection):
    """Takes the request, and does not answer."""
    connection.recv(4096)
    time.sleep(60)


def endless(connection):
    """Does not end its answer."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n[")
    while True:
        connection.sendall(b"7," * 50000)


def drop_by_drop(connection):
    """Sends a byte now and then."""
    connection.recv(4096)
    while True:
        connection.sendall(b"H")
        time.sleep(0.2)


def endless_head(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 200 OK\r\n")
    while True:
        connection.sendall(b"X-Shop: 1\r\n" * 5000)
