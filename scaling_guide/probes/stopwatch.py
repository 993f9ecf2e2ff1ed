"""Time requests in a process of its own, where no other look of the checker keeps the clock waiting.

Run as a program it reads a job from its standard input, a JSON object with the fields of `Job`, and prints a
list of seconds and status for each request. It needs nothing but Python's own library, so that it is there
at once.
"""

import http.client
import json
import socket
import ssl
import sys
import threading
import time
from dataclasses import asdict, dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Job:
    """Up to `requests` for `path`, one after the other on each of `connections`, none begun after `until`.

    `until` is a reading of the machine's monotonic clock, so that the start of the program counts as well.
    `certificate` is the SHA-256 of the only certificate that is talked to. A server that closes the
    connection is connected to again, and the time for that counts.
    """

    address: str
    port: int
    site: str
    host: str
    path: str
    certificate: str
    requests: int
    connections: int
    until: float


class _Connection(http.client.HTTPConnection):
    def __init__(self, job: Job) -> None:
        super().__init__(job.address, job.port, timeout=max(0.1, job.until - time.monotonic() + 1))
        self._job = job

    def connect(self) -> None:
        # who it is was verified on another connection, which gave the certificate's hash
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        raw = socket.create_connection((self.host, self.port), self.timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(raw, server_hostname=self._job.site)
        shown = self.sock.getpeercert(binary_form=True) or b""
        if sha256(shown).hexdigest() != self._job.certificate:
            raise ConnectionError("another certificate than before")


def timed(job: Job) -> list[tuple[float, int]]:
    """Seconds from the request to the last byte of its answer, and its status.

    Raises OSError and HTTPException.
    """
    left = list(range(job.requests))
    results: list[tuple[float, int]] = []

    def one_after_the_other(connection: _Connection) -> None:
        while left and time.monotonic() < job.until:
            left.pop()
            begun = time.perf_counter()
            connection.request("GET", job.path, headers={"Host": job.host, "User-Agent": "scaling-guide"})
            answer = connection.getresponse()
            answer.read()
            results.append((time.perf_counter() - begun, answer.status))
        connection.close()

    connections = [_Connection(job) for _ in range(job.connections)]
    for connection in connections:
        connection.connect()
    threads = [threading.Thread(target=one_after_the_other, args=(each,)) for each in connections[1:]]
    for thread in threads:
        thread.start()
    one_after_the_other(connections[0])
    for thread in threads:
        thread.join()
    return results


def written(job: Job) -> bytes:
    """What the program reads."""
    return json.dumps(asdict(job)).encode()


if __name__ == "__main__":
    print(json.dumps(timed(Job(**json.load(sys.stdin)))))
