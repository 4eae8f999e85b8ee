"""Runs one command through pypsrp's WinRS. See peer_call.py for the call and its outcome."""

from urllib.parse import urlsplit

from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan

from peer_call import answer


def connect(call, password):
    """A WSMan connection for a call."""
    target = urlsplit(call["endpoint"])
    timeout = call.get("timeout", 20)
    transport = call.get("transport", "basic")
    encryption = call.get("encryption", "auto")
    if transport == "basic" and encryption == "auto":
        encryption = "never"  # pypsrp's own auto is an error for Basic over HTTP
    return WSMan(
        target.hostname,
        port=target.port,
        ssl=target.scheme == "https",
        path=target.path.strip("/") or "wsman",
        username=call["user"],
        password=password or None,  # without one Kerberos takes the tickets that there are
        auth=transport,
        encryption=encryption,
        cert_validation=False,
        no_proxy=True,
        operation_timeout=timeout,
        read_timeout=timeout + 10,
        **call.get("options", {}),
    )


def run(call, password, stdin):
    with connect(call, password) as wsman, WinRS(
        wsman,
        codepage=call.get("codepage", 65001),
        environment=call.get("env"),
        working_directory=call.get("cwd"),
    ) as shell:
        outcomes = [run_in(shell, call, stdin) for _ in range(call.get("repeat", 1))]
    return b"".join(o[0] for o in outcomes), b"".join(o[1] for o in outcomes), outcomes[-1][2]


def run_in(shell, call, stdin):
    process = Process(
        shell, call["command"], call.get("args", []), no_shell=call.get("skip_cmd_shell", False)
    )
    process.begin_invoke()
    if stdin is not None:
        # An envelope holds 150 KB; the input travels as base64 in it.
        size = 64 * 1024
        last = (len(stdin) - 1) // size * size if stdin else 0
        for start in range(0, last, size):
            process.send(stdin[start : start + size], end=False)
        process.send(stdin[last:], end=True)
    end = call.get("end", "wait")
    if end == "wait":
        process.end_invoke()
    else:
        while not process.stdout:
            process.poll_invoke()
    if end != "delete":
        process.signal(SignalCode.TERMINATE)
    return process.stdout, process.stderr, process.rc


if __name__ == "__main__":
    answer(run)
