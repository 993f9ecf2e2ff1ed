"""Time requests in a process of its own, where no other look of the checker keeps the clock waiting.

Run as a program it reads a job from its standard input, a JSON object with the fields of `Job`, and prints a
list of seconds and status for each request. It needs nothing but Python's own library, so that it is there
at once.
"""

import http.client
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass

BLOCK = 65536
LONGEST_ANSWER = 2**23
GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Job:
    """Up to `requests` for `path`, one after the other on each of `connections`, none begun after `until`.

    `until` is a reading of the machine's monotonic clock, so that the start of the program counts as well.
    """

    address: str
    port: int
    host: str
    path: str
    requests: int
    connections: int
    until: float


def timed(job: Job) -> list[tuple[float, int]]:
    """Seconds from the request to the last byte of its answer, and its status.

    Raises OSError and HTTPException, of whichever connection failed first.
    """
    left = list(range(job.requests))
    results: list[tuple[float, int]] = []
    failures: list[Exception] = []
    headers = {"Host": job.host, "User-Agent": "scaling-guide"}

    def one_after_the_other(connection: http.client.HTTPConnection) -> None:
        try:
            connection.connect()
            while left and not failures and time.monotonic() < job.until:
                left.pop()
                begun = time.perf_counter()
                connection.request("GET", job.path, headers=headers)
                answer = connection.getresponse()
                _read(answer, job.until)
                results.append((time.perf_counter() - begun, answer.status))
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)
        finally:
            connection.close()

    patience = max(0.1, job.until - time.monotonic() + GRACE_SECONDS)
    threads = [
        threading.Thread(
            target=one_after_the_other,
            args=(http.client.HTTPConnection(job.address, job.port, timeout=patience),),
        )
        for _ in range(job.connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def _read(answer: http.client.HTTPResponse, until: float) -> None:
    """Read an answer to its end and keep none of it. Raises HTTPException where it has no end."""
    length = 0
    while part := answer.read(BLOCK):
        length += len(part)
        if length > LONGEST_ANSWER or time.monotonic() > until + GRACE_SECONDS:
            raise http.client.HTTPException(f"the answer does not end after {length:,} bytes")
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)


def written(job: Job) -> bytes:
    """What the program reads."""
    return json.dumps(asdict(job)).encode()


if __name__ == "__main__":
    print(json.dumps(timed(Job(**json.load(sys.stdin)))))
