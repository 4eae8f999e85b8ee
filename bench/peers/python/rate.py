"""Runs a peer's commands on threads and prints commands per second: ENDPOINT COUNT CONCURRENCY [reuse]."""

import itertools
import sys
import threading
import time


def measure(make_client):
    """make_client(endpoint) gives an object with open(), run() and close(); each thread has one of its own."""
    endpoint, count, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    reuse = "reuse" in sys.argv[4:]
    numbers = itertools.count()
    failures = []

    def work(client):
        try:
            is_open = False
            while next(numbers) < count:
                if not is_open:
                    client.open()
                    is_open = True
                if client.run() != 0:
                    raise RuntimeError("the command failed")
                if not reuse:
                    client.close()
                    is_open = False
            if is_open:
                client.close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(make_client(endpoint),)) for _ in range(concurrency)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    if failures:
        raise failures[0]
    print(f"{count / elapsed:.1f}")
