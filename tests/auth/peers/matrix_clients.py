"""pypsrp and pywinrm in one process, for many logons: one call of peer_call.py for each line, one outcome in a line for each."""

import base64
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "interop", "peers"))

import krb5

import pypsrp_run
import pywinrm_run

modules = {"pypsrp": pypsrp_run, "pywinrm": pywinrm_run}
printing = threading.Lock()


def kinit(principal, password):
    """Puts a ticket of the user into the collection that KRB5CCNAME names: pywinrm takes its tickets from there alone."""
    context = krb5.init_context()
    name = krb5.parse_name_flags(context, principal.encode())
    options = krb5.get_init_creds_opt_alloc(context)
    credential = krb5.get_init_creds_password(context, name, options, password=password.encode())
    cache = krb5.cc_new_unique(context, b"DIR")
    krb5.cc_initialize(context, cache, name)
    krb5.cc_store_cred(context, cache, credential)


def perform(line):
    call = json.loads(line)
    outcome = {"id": call["id"], "stdout_b64": "", "error": None, "causes": []}
    try:
        if call.get("kinit"):
            kinit(call["user"], call["password"])
        stdout, _, code = modules[call["client"]].run(call, call["password"], base64.b64decode(call["stdin_b64"]))
        outcome["stdout_b64"] = base64.b64encode(stdout).decode()
    except Exception as error:  # a refusal is an outcome, too
        outcome["error"] = f"{type(error).__name__}: {error}"
        while error := error.__cause__ or error.__context__:
            outcome["causes"].append(f"{type(error).__name__}: {error}")
    with printing:
        print(json.dumps(outcome), flush=True)


with ThreadPoolExecutor(3) as pool:
    for line in sys.stdin:
        pool.submit(perform, line)
