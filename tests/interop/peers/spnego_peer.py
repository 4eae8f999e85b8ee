"""A foreign side of an NTLM or SPNEGO dialogue, pyspnego's own implementation, or of MIT's Kerberos, driven by lines on stdin.

usage: spnego_peer.py client|server ntlm|negotiate|kerberos USER      (the password comes from SPNEGO_PEER_PASSWORD;
a server reads its accounts from NTLM_USER_FILE)

step HEX|-       -> token HEX|- complete|more
wrap HEX         -> sealed HEX(header) HEX(data)
sign HEX         -> signed HEX: a token with the text in clear
unwrap HEX HEX   -> plain HEX
"""

import os
import sys

import spnego
from spnego.channel_bindings import GssChannelBindings

role, protocol, user = sys.argv[1:4]
options = {
    "ntlm": spnego.NegotiateOptions.use_ntlm,
    "negotiate": spnego.NegotiateOptions.use_negotiate,
    "kerberos": spnego.NegotiateOptions.use_gssapi,
}[protocol]
bindings = os.environ.get("SPNEGO_PEER_BINDINGS")
extra = {"channel_bindings": GssChannelBindings(application_data=bindings.encode())} if bindings else {}
if role == "client":
    password = os.environ["SPNEGO_PEER_PASSWORD"]
    context = spnego.client(
        user, password, hostname=os.environ.get("SPNEGO_PEER_HOST", "web01"), service="HTTP", protocol=protocol, options=options, **extra
    )
else:
    context = spnego.server(hostname="web01", service="HTTP", protocol=protocol, options=options, **extra)

for line in sys.stdin:
    command, *arguments = line.split()
    values = [b"" if argument == "-" else bytes.fromhex(argument) for argument in arguments]
    try:
        if command == "step":
            token = context.step(values[0] or None)
            print("token", token.hex() if token else "-", "complete" if context.complete else "more", flush=True)
        elif command == "wrap":
            sealed = context.wrap_winrm(values[0])
            print("sealed", sealed.header.hex(), sealed.data.hex() or "-", flush=True)
        elif command == "sign":
            print("signed", context.wrap(values[0], encrypt=False).data.hex(), flush=True)
        elif command == "unwrap":
            print("plain", context.unwrap_winrm(values[0], values[1]).hex() or "-", flush=True)
    except Exception as error:
        print("error", type(error).__name__, str(error).replace("\n", " "), flush=True)
