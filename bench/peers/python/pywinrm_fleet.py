"""One command on each host through pywinrm (NTLM, sealed), a thread per host; prints seconds. ENDPOINT…"""

import os
import sys
import threading
import time

from winrm.protocol import Protocol

failures = []


def work(endpoint):
    try:
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
    except Exception as error:
        failures.append(error)


threads = [threading.Thread(target=work, args=(endpoint,)) for endpoint in sys.argv[1:]]
started = time.perf_counter()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
elapsed = time.perf_counter() - started
if failures:
    raise failures[0]
print(f"{elapsed:.3f}")
