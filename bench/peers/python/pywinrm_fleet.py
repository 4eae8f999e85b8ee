"""One command on each host through pywinrm (NTLM, sealed), on THREADS threads; prints seconds. THREADS ENDPOINT…"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from winrm.protocol import Protocol


def work(endpoint):
    protocol = Protocol(
        "http://" + endpoint + "/wsman",
        transport="ntlm",
        username="bench",
        password=os.environ["BENCH_PASSWORD"],
        message_encryption="always",
    )
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "echo hello")
    stdout, _, exit_code = protocol.get_command_output(shell, command)
    if exit_code != 0 or stdout != b"hello\n":
        raise RuntimeError("the command failed")
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)


threads, endpoints = int(sys.argv[1]), sys.argv[2:]
started = time.perf_counter()
with ThreadPoolExecutor(threads) as pool:
    for _ in pool.map(work, endpoints):
        pass
print(f"{time.perf_counter() - started:.3f}")
