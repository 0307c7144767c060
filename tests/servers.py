"""A server on this machine that gives files, and misbehaves in every way we could think of."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """The first part of the path says how to answer, the last is the file."""

    def do_GET(self):
        self.server.asked.append(self.path)
        way, _, name = self.path.partition("?")[0].strip("/").partition("/")
        content = self.server.files[name]
        match way:
            case "good":
                self.answer(content)
            case "missing":
                self.send_error(404)
            case "wrong":
                self.answer(content[:-1] + b"!")
            case "short":
                self.answer(content[:-100])
            case "broken":
                self.answer(content[: len(content) // 2], length=len(content))
            case "long":
                self.answer(content * 3)
            case "endless":
                self.answer(content, length=None)
                while not self.server.stopped.is_set():
                    self.wfile.write(content)
            case "silent":
                self.server.stopped.wait()
            case "garbled":
                self.wfile.write(b"what?\r\n\r\n")
            case "redirected":
                self.redirect("/good/" + name)
            case "downgraded":
                self.redirect("http://cnet.invalid/" + name)
            case "misled":
                self.redirect("https://[/" + name)

    def answer(self, content, length=-1):
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(len(content) if length < 0 else length))
        self.end_headers()
        self.wfile.write(content)

    def redirect(self, address):
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that hangs up is expected here."""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Any]:
    """Serve these files, at ``server.url`` followed by the way and the name."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.files, server.asked, server.stopped = files, [], threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()
        thread.join()
