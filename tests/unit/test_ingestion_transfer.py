"""Bodies of answers from a server of raw bytes: whole and within bounds, or an error."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.http import HttpClient, Provider
from ingestion.transfer import BrokenBodyError, EndlessBodyError, inflated

Script = Callable[[socket.socket], None]
JSON = b'{"answer": 42}'


def head(*lines: str, status: str = "200 OK") -> bytes:
    every = [f"HTTP/1.1 {status}", "Content-Type: application/json", *lines, "", ""]
    return "\r\n".join(every).encode()


def whole(body: bytes, *lines: str) -> bytes:
    return head(f"Content-Length: {len(body)}", *lines) + body


@contextmanager
def server(*scripts: Script) -> Iterator[tuple[str, list[bytes]]]:
    """Serve one script per connection; yield the address and the requests received."""
    listener = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def serve() -> None:
        for script in scripts:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                received.append(connection.recv(65536))
                try:
                    script(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
    finally:
        listener.close()
        thread.join(timeout=5)


def says(answer: bytes) -> Script:
    return lambda connection: connection.sendall(answer)


def reset_after(answer: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(answer)
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script


def trickle(start: bytes, piece: bytes, seconds: float) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(start)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            connection.sendall(piece)
            time.sleep(0.02)

    return script


def client_of(address: str, folder: Path, **changes: object) -> HttpClient:
    settings = Settings(
        _env_file=None,
        data_dir=folder,
        http_backoff_seconds=0.0,
        http_attempts=2,
        http_timeout_seconds=2.0,
        requests_per_second=1e6,
        **changes,
    )
    return HttpClient(settings, Provider("somewhere", address, 1.0, "SOMEWHERE_BASE_URL"))


def test_a_whole_body_arrives_plain_and_compressed(tmp_path: Path) -> None:
    packed = whole(gzip.compress(JSON), "Content-Encoding: gzip")
    two = gzip.compress(JSON[:5]) + gzip.compress(JSON[5:])
    chunked = head("Transfer-Encoding: chunked") + b"5\r\n" + JSON[:5] + b"\r\n"
    chunked += f"{len(JSON) - 5:x}".encode() + b"\r\n" + JSON[5:] + b"\r\n0\r\n\r\n"
    answers = [whole(JSON), packed, whole(two, "Content-Encoding: gzip"), chunked]
    with server(*(says(answer) for answer in answers)) as (address, received):
        for _ in answers:
            client = client_of(address, tmp_path)
            assert client.get_json("x")[0] == {"answer": 42}
            client.close()
    assert b"User-Agent: crypto-feature-warehouse/" in received[0]
    assert b"Accept-Encoding: gzip\r\n" in received[0]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (reset_after(head("Content-Length: 500") + JSON), "broke off"),
        (says(head("Content-Length: 500") + JSON), "broke off"),
        (says(head("Transfer-Encoding: chunked") + b"ff\r\n" + JSON), "broke off"),
        (
            says(whole(gzip.compress(JSON * 9)[:-12], "Content-Encoding: gzip")),
            "is compressed and breaks off",
        ),
        (says(whole(JSON, "Content-Encoding: gzip")), "does not decompress"),
        (says(whole(JSON, "Content-Encoding: br")), "encoded as 'br', which was not asked for"),
        (says(b""), "did not answer (ConnectionError)"),
        (says(b"what?\r\n\r\n"), "did not answer (ConnectionError)"),
    ],
)
def test_a_body_that_breaks_off_is_asked_for_again(
    broken: Script, told: str, tmp_path: Path
) -> None:
    with server(broken, says(whole(JSON))) as (address, received):
        client = client_of(address, tmp_path)
        assert client.get_json("x")[0] == {"answer": 42}
        assert len(received) == 2
        client.close()
    with server(broken, broken) as (address, _):
        client = client_of(address, tmp_path)
        with pytest.raises(SourceError) as caught:
            client.get("x")
        client.close()
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "start", [head(), head("Content-Length: 100000"), head("Transfer-Encoding: chunked")]
)
def test_a_body_that_never_ends_is_left_in_time(start: bytes, tmp_path: Path) -> None:
    piece = b"1\r\n \r\n" if b"chunked" in start else b" "
    with server(trickle(start, piece, 3.0)) as (address, received):
        client = client_of(address, tmp_path, http_total_seconds=0.2)
        started = time.monotonic()
        with pytest.raises(SourceError, match="has not ended in time; check the address, or raise"):
            client.get("x")
        assert time.monotonic() - started < 1.5
        assert len(received) == 1
        client.close()


def test_a_body_larger_than_allowed_is_not_read(tmp_path: Path) -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    answers = [head("Content-Length: 5000000"), whole(bomb, "Content-Encoding: gzip")]
    answers.append(head() + b" " * 2_000_000)
    with server(*(says(answer) for answer in answers)) as (address, _):
        for _ in answers:
            client = client_of(address, tmp_path, http_max_bytes=1_000_000)
            with pytest.raises(SourceError, match="is larger than 1000000 bytes"):
                client.get("x")
            client.close()


def test_the_connection_is_used_again(tmp_path: Path) -> None:
    def twice(connection: socket.socket) -> None:
        connection.sendall(whole(JSON))
        connection.recv(65536)
        connection.sendall(whole(JSON))

    with server(twice) as (address, received):
        client = client_of(address, tmp_path)
        assert [client.get_json("x")[0] for _ in range(2)] == [{"answer": 42}] * 2
        assert client.requests == 2
        assert len(received) == 1
        client.close()


def test_gzip_is_taken_whole_or_not_at_all() -> None:
    packed = gzip.compress(json.dumps(list(range(1000))).encode())
    assert json.loads(inflated(packed, 10_000)) == list(range(1000))
    assert inflated(packed + b"\0" * 8, 10_000) == inflated(packed, 10_000)
    for length in range(1, len(packed)):
        with pytest.raises(BrokenBodyError):
            inflated(packed[:length], 10_000)
    with pytest.raises(EndlessBodyError):
        inflated(packed, 100)
