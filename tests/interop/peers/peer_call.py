"""What the Python peers share: a call as JSON in, its outcome as JSON out.

A call comes as the first argument or on standard input:
    endpoint        http(s)://HOST:PORT[/PATH]
    user            account; its password is in the environment variable that password_env names
    password_env    default DROVER_PASSWORD
    transport       basic | ntlm | negotiate (pypsrp: NTLM inside SPNEGO) (default basic)
    encryption      auto | always | never (default auto)
    command, args   the command, and a list of arguments (default none)
    stdin_b64       input, base64 (default: none is sent)
    codepage        default 65001
    env, cwd        variables and working directory of the shell
    skip_cmd_shell  default false
    repeat          how often to run the command, one after another in one shell (default 1)
    end             wait | terminate | delete: wait for the command (default), or after its first output terminate it or
                    delete its shell; the exit code is null then
    options         more arguments of the peer's connection, by its own names
    timeout         seconds that one operation may take (default 20)

The outcome: {"stdout_b64", "stderr_b64", "exit_code", "error"}: output of all runs, exit code of the last; error is null, or the peer's exception as text.
"""

import base64
import json
import os
import sys


def answer(run):
    """Reads a call, runs it (run returns stdout, stderr, exit code) and prints its outcome."""
    call = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    password = os.environ[call.get("password_env", "DROVER_PASSWORD")]
    stdin = call.get("stdin_b64")
    outcome = {"stdout_b64": "", "stderr_b64": "", "exit_code": None, "error": None}
    try:
        stdout, stderr, exit_code = run(call, password, None if stdin is None else base64.b64decode(stdin))
        outcome["stdout_b64"] = base64.b64encode(stdout).decode()
        outcome["stderr_b64"] = base64.b64encode(stderr).decode()
        outcome["exit_code"] = exit_code
    except Exception as error:  # every failure of the peer is an outcome that a test may ask for
        outcome["error"] = f"{type(error).__name__}: {error}"
    json.dump(outcome, sys.stdout)
    print()
