"""Runs one command through pywinrm. See peer_call.py for the call and its outcome."""

from winrm.protocol import Protocol

from peer_call import answer


def run(call, password, stdin):
    timeout = call.get("timeout", 20)
    endpoint = call["endpoint"]
    protocol = Protocol(
        endpoint=endpoint if endpoint.count("/") > 2 else endpoint + "/wsman",
        transport=call.get("transport", "basic"),
        username=call["user"],
        password=password,
        server_cert_validation="ignore",
        message_encryption=call.get("encryption", "auto"),
        operation_timeout_sec=timeout,
        read_timeout_sec=timeout + 10,
        **call.get("options", {}),
    )
    shell = protocol.open_shell(
        codepage=call.get("codepage", 65001),
        env_vars=call.get("env"),
        working_directory=call.get("cwd"),
    )
    try:
        outcomes = [run_in(protocol, shell, call, stdin) for _ in range(call.get("repeat", 1))]
    finally:
        protocol.close_shell(shell)
    return b"".join(o[0] for o in outcomes), b"".join(o[1] for o in outcomes), outcomes[-1][2]


def run_in(protocol, shell, call, stdin):
    command = protocol.run_command(
        shell,
        call["command"],
        call.get("args", []),
        # WINRS_CONSOLEMODE_STDIN; input through a pipe is what the caller wants
        console_mode_stdin=False,
        skip_cmd_shell=call.get("skip_cmd_shell", False),
    )
    end = call.get("end", "wait")
    try:
        if stdin is not None:
            # An envelope holds 150 KB; the input travels as base64 in it.
            size = 64 * 1024
            last = (len(stdin) - 1) // size * size if stdin else 0
            for start in range(0, last, size):
                protocol.send_command_input(shell, command, stdin[start : start + size])
            protocol.send_command_input(shell, command, stdin[last:], end=True)
        if end == "wait":
            return protocol.get_command_output(shell, command)
        stdout = b""
        while not stdout:
            stdout, stderr, _, _ = protocol.get_command_output_raw(shell, command)
        return stdout, stderr, None
    finally:
        if end != "delete":
            protocol.cleanup_command(shell, command)


if __name__ == "__main__":
    answer(run)
