"""A small server that speaks enough of the Hub's protocol for the real client to download a model from it."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_API = re.compile(r"/api/models/([\w-]+/[\w-]+)(?:/revision/(\w+))?(?:\?.*)?$")
_FILE = re.compile(r"/([\w-]+/[\w-]+)/resolve/(\w+)/(.+?)(?:\?.*)?$")


class _Handler(BaseHTTPRequestHandler):
    folder: Path
    repo_id: str
    commit: str

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        if found := _API.match(self.path):
            return self._facts(found[1], found[2])
        if found := _FILE.match(self.path):
            return self._file(*found.groups())
        self._error("EntryNotFound")

    def _known(self, repo_id: str, revision: str | None) -> bool:
        if repo_id != self.repo_id:
            self._error("RepoNotFound")
        elif revision not in (None, "main", self.commit):
            self._error("RevisionNotFound")
        else:
            return True
        return False

    def _facts(self, repo_id: str, revision: str | None) -> None:
        if self._known(repo_id, revision):
            files = [{"rfilename": path.name} for path in self.folder.iterdir()]
            body = {"id": repo_id, "modelId": repo_id, "sha": self.commit, "siblings": files, "private": False}
            self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _file(self, repo_id: str, revision: str, name: str) -> None:
        if not self._known(repo_id, revision):
            return
        path = self.folder / name
        if not path.is_file():
            return self._error("EntryNotFound")
        content = path.read_bytes()
        self._send(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": self.commit})

    def _error(self, code: str) -> None:
        self._send(404, b"{}", {"X-Error-Code": code, "X-Error-Message": code, "X-Repo-Commit": self.commit})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextmanager
def serving(folder: Path, repo_id: str, commit: str) -> Iterator[str]:
    """The address of a Hub on this machine that has one model."""
    handler = type("Handler", (_Handler,), {"folder": folder, "repo_id": repo_id, "commit": commit})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
