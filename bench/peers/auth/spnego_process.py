"""Logons and sealed messages by pyspnego, both sides in one process: a line of figures for each command on stdin.

usage: spnego_process.py PASSWORD [PRINCIPAL]       without a principal: no Kerberos

handshake KIND SECONDS  -> COUNT SECONDS CLIENT_SECONDS SERVICE_SECONDS CPU_SECONDS
seal KIND SIZE SECONDS  -> BYTES SECONDS CPU_SECONDS

NTLM is pyspnego's own, Kerberos MIT's library through the packages krb5 and gssapi, with a ticket in memory. NTLM_USER_FILE has the
account alice, KRB5_KTNAME the service's keys.
"""

import sys
import tempfile
import time

import requests.auth
import spnego
import spnego.tls
from spnego import NegotiateOptions

password = sys.argv[1]


def kerberos_tickets(principal):
    import krb5

    context = krb5.init_context()
    name = krb5.parse_name_flags(context, principal.encode())
    options = krb5.get_init_creds_opt_alloc(context)
    ticket = krb5.get_init_creds_password(context, name, options, password.encode())
    cache = krb5.cc_resolve(context, b"MEMORY:bench")
    krb5.cc_initialize(context, cache, name)
    krb5.cc_store_cred(context, cache, ticket)
    return spnego.KerberosCCache("MEMORY:bench")


def service_tls():
    """What a service has: one context, with one certificate."""
    certificate, key, public_key = spnego.tls.generate_tls_certificate()
    tls = spnego.tls.default_tls_context(usage="accept")
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate + key)
        file.flush()
        tls.context.load_cert_chain(file.name, file.name)
    tls.public_key = public_key
    return tls


tickets = kerberos_tickets(sys.argv[2]) if len(sys.argv) > 2 else None
tls = {"client": spnego.tls.default_tls_context(), "server": service_tls()}
# What each kind is to pyspnego: protocol, implementation, host. The KDC does not know web01.
KINDS = {
    "ntlm": ("ntlm", NegotiateOptions.use_ntlm, "web01"),
    "negotiate-ntlm": ("negotiate", NegotiateOptions.use_ntlm, "web01"),
    "kerberos": ("kerberos", NegotiateOptions.use_gssapi, "localhost"),
    "negotiate-kerberos": ("negotiate", NegotiateOptions.use_negotiate, "localhost"),
}


def contexts(kind):
    if kind == "credssp":
        inner_client, inner_service = contexts("negotiate-ntlm")
        return (
            spnego.client(
                "alice",
                password,
                protocol="credssp",
                credssp_tls_context=tls["client"],
                credssp_negotiate_context=inner_client,
            ),
            spnego.server(
                protocol="credssp", credssp_tls_context=tls["server"], credssp_negotiate_context=inner_service
            ),
        )
    protocol, options, host = KINDS[kind]
    user = (tickets, None) if host == "localhost" else ("alice", password)
    return (
        spnego.client(*user, hostname=host, service="HTTP", protocol=protocol, options=options),
        spnego.server(hostname=host, service="HTTP", protocol=protocol, options=options),
    )


def handshake(kind, times):
    begin = time.perf_counter()
    client, service = contexts(kind)
    token = client.step(None)
    while True:
        middle = time.perf_counter()
        times[0] += middle - begin
        if token is None:
            break
        token = service.step(token)
        begin = time.perf_counter()
        times[1] += begin - middle
        if token is None:
            break
        token = client.step(token)
    if not (client.complete and service.complete):
        raise RuntimeError("the logon did not end")
    return client, service


def digest(times):
    begin = time.perf_counter()
    auth = requests.auth.HTTPDigestAuth("alice", password)
    auth.init_per_thread_state()
    auth._thread_local.chal = {
        "realm": "WSMAN",
        "nonce": "0123456789abcdef0123456789abcdef",
        "qop": "auth",
        "algorithm": "SHA-256",
    }
    auth.build_digest_header("POST", "http://web01:5985/wsman")
    times[0] += time.perf_counter() - begin


def handshakes(kind, seconds):
    times = [0.0, 0.0]
    count = 0
    begin, used = time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds:
        if kind == "digest":
            digest(times)
        else:
            handshake(kind, times)
        count += 1
    return count, time.perf_counter() - begin, *times, time.process_time() - used


def seals(kind, size, seconds):
    client, service = handshake(kind, [0.0, 0.0])
    text = bytes(42 for _ in range(size))
    count = 0
    begin, used = time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds:
        for at in range(0, size, 16384):
            sealed = client.wrap_winrm(text[at : at + 16384] if kind == "credssp" else text)
            service.unwrap_winrm(sealed.header, sealed.data)
            if kind != "credssp":
                break
        count += 1
    return count * size, time.perf_counter() - begin, time.process_time() - used


for line in sys.stdin:
    command, kind, *numbers = line.split()
    try:
        if command == "handshake":
            figures = handshakes(kind, float(numbers[0]))
        else:
            figures = seals(kind, int(numbers[0]), float(numbers[1]))
        print(*figures, flush=True)
    except Exception as error:
        print("error", type(error).__name__, str(error).replace("\n", " "), flush=True)
