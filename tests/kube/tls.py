"""TLS before a server that has none. kubectl sends tokens over TLS only.

One thread with asyncio handles all connections, because a TLS connection of Python must not be read and written by two threads.
"""
import asyncio
import base64
import ssl
import subprocess
import threading


def certificate(folder):
    """Makes a certificate for 127.0.0.1. Returns its path and that of its key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
                    "-out", folder / "certificate.pem"], check=True, capture_output=True)
    return folder / "certificate.pem", folder / "key.pem"


async def copy(reader, writer):
    """Copies until the end. Returns whether that was proper."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        return False
    return True


class Front:
    def __init__(self, port, folder):
        """`port` is that of the server without TLS. `folder` has the certificate."""
        self.port = port
        self.authority = base64.b64encode((folder / "certificate.pem").read_bytes()).decode()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.relay, "127.0.0.1", 0, ssl=self.context))
        self.url = f"https://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def relay(self, reader, writer):
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self.port)
        forth = asyncio.ensure_future(copy(reader, back_writer))
        back = asyncio.ensure_future(copy(back_reader, writer))
        done, _ = await asyncio.wait((forth, back), return_when=asyncio.FIRST_COMPLETED)
        if back in done and not back.result():
            writer.transport.abort()  # the server has cut the connection
        for end in (writer, back_writer):
            end.close()
        await asyncio.gather(forth, back, return_exceptions=True)

    async def stop(self):
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self):
        asyncio.run_coroutine_threadsafe(self.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
