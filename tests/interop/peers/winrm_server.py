"""A WinRM service of parts that are not ours: HTTP and TLS are Python's, NTLM and sealing pyspnego's, XML ElementTree's.

usage: winrm_server.py CERTIFICATE KEY USER    (the password comes from DROVER_PASSWORD; pyspnego reads it from
NTLM_USER_FILE; with KRB5_KTNAME it accepts Kerberos too, for HTTP/localhost). Below /gss-ntlmssp the C library gss-ntlmssp
does NTLM in pyspnego's place. Logons over HTTPS must be bound to the certificate.

Prints the ports of its HTTP and its HTTPS listener. When standard input ends it prints what it saw as JSON, and ends:
{"shells_open", "commands", "signals", "sealed", "timeouts", "mechanisms"}.
"""

import base64
import json
import os
import queue
import re
import signal
import ssl
import subprocess
import sys
import threading
import uuid
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import spnego
import spnego.tls
from cryptography import x509
from spnego.channel_bindings import GssChannelBindings

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
MICROSOFT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
PROTOCOLS = {
    "Negotiate": "application/HTTP-SPNEGO-session-encrypted",
    "Kerberos": "application/HTTP-Kerberos-session-encrypted",
    "CredSSP": "application/HTTP-CredSSP-session-encrypted",
}
PLAIN = "application/soap+xml;charset=UTF-8"
RECEIVE_SECONDS = 0.3
# What CredSSP seals at once.
PIECE = 16_384
PART = re.compile(
    rb"--Encrypted Boundary\r\n\s*Content-Type: [^\r]*\r\n\s*OriginalContent: [^\r]*;Length=(\d+)\r\n"
    rb"--Encrypted Boundary\r\n\s*Content-Type: application/octet-stream\r\n",
)

user = sys.argv[3]
password = os.environ["DROVER_PASSWORD"]
shells = {}
seen = {"commands": 0, "signals": 0, "sealed": 0, "timeouts": 0, "mechanisms": []}
has_keys = "KRB5_KTNAME" in os.environ
with open(sys.argv[1], "rb") as file:
    certificate = x509.load_pem_x509_certificate(file.read())
    bindings = GssChannelBindings(
        application_data=b"tls-server-end-point:" + certificate.fingerprint(certificate.signature_hash_algorithm)
    )


class GssNtlmssp:
    """The server's side of the C library gss-ntlmssp, as much of it as is needed here. pyspnego has no way to it."""

    negotiated_protocol = "gss-ntlmssp"

    def __init__(self, secure):
        import gssapi

        self.failure = gssapi.exceptions.GSSError
        ntlm = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
        bound = gssapi.raw.ChannelBindings(application_data=bindings.application_data) if secure else None
        self.context = gssapi.SecurityContext(
            creds=gssapi.Credentials(usage="accept", mechs=[ntlm]), usage="accept", channel_bindings=bound
        )

    @property
    def complete(self):
        return self.context.complete

    def step(self, token):
        try:
            return self.context.step(token)
        except self.failure as error:
            raise ValueError(str(error)) from error

    def unwrap_winrm(self, header, data):
        return self.context.unwrap(header + data).message

    def wrap_winrm(self, data):
        sealed = self.context.wrap(data, True).message
        return SimpleNamespace(header=sealed[:16], data=sealed[16:])


def acceptor(scheme, path, secure):
    """The server's side of a logon."""
    options = spnego.NegotiateOptions.use_negotiate
    bound = {"channel_bindings": bindings} if secure else {}
    if path.startswith("/gss-ntlmssp"):
        return GssNtlmssp(secure)
    if scheme == "CredSSP":
        return spnego.server(hostname="localhost", service="HTTP", protocol="credssp")
    if scheme == "Kerberos":
        return spnego.server(hostname="localhost", service="HTTP", protocol="kerberos", **bound)
    return spnego.server(hostname="localhost", service="HTTP", protocol="negotiate", options=options, **bound)


def opened(context, data):
    """The plaintext of a sealed body: of all its parts, which come one after another."""
    marks = list(PART.finditer(data))
    ends = [mark.start() for mark in marks[1:]] + [data.rindex(b"--Encrypted Boundary--")]
    plain = b""
    for mark, end in zip(marks, ends):
        payload = data[mark.end() : end]
        size = 4 + int.from_bytes(payload[:4], "little")
        piece = context.unwrap_winrm(payload[4:size], payload[size:])
        if len(piece) != int(mark[1]):
            raise ValueError(f"{len(piece)} bytes in place of {mark[1]}")
        plain += piece
    return plain


def sealed_body(context, scheme, plain):
    """Type and bytes of a sealed body."""
    pieces = [plain[at : at + PIECE] for at in range(0, len(plain), PIECE)] if scheme == "CredSSP" else [plain]
    body = b""
    for piece in pieces:
        wrapped = context.wrap_winrm(piece)
        body += (
            b"--Encrypted Boundary\r\n"
            b"Content-Type: %s\r\nOriginalContent: type=%s;Length=%d\r\n--Encrypted Boundary\r\n"
            b"Content-Type: application/octet-stream\r\n%s%s%s"
            % (
                PROTOCOLS[scheme].encode(),
                PLAIN.encode(),
                len(piece),
                len(wrapped.header).to_bytes(4, "little"),
                wrapped.header,
                wrapped.data,
            )
        )
    kind = "x-multi-encrypted" if len(pieces) > 1 else "encrypted"
    content = f'multipart/{kind};protocol="{PROTOCOLS[scheme]}";boundary="Encrypted Boundary"'
    return content, body + b"--Encrypted Boundary--\r\n"


class Process:
    def __init__(self, line, env, cwd):
        self.child = subprocess.Popen(
            line,
            shell=True,
            env={**os.environ, **env},
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.output = queue.Queue(64)
        self.open = {"stdout", "stderr"}
        for name in sorted(self.open):
            threading.Thread(target=self.read, args=(name,), daemon=True).start()

    def read(self, name):
        stream = getattr(self.child, name)
        while data := os.read(stream.fileno(), 20_000):
            self.output.put((name, data))
        self.output.put((name, b""))

    def kill(self):
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class TimedOut(Exception):
    pass


def element(parent, namespace, name, text=None, **attributes):
    child = ET.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    child.text = text
    return child


def text_of(node, path):
    found = node.find(path)
    return (found.text or "") if found is not None else ""


def receive(command, body):
    """Waits for output; the answer holds everything that is there by then."""
    try:
        pieces = [command.output.get(timeout=RECEIVE_SECONDS)]
    except queue.Empty:
        raise TimedOut from None
    while not command.output.empty() and len(pieces) < 5:
        pieces.append(command.output.get())
    response = element(body, SHELL, "ReceiveResponse")
    for name, data in pieces:
        stream = element(response, SHELL, "Stream", base64.b64encode(data).decode(), Name=name, CommandId=command.id)
        if not data:
            stream.set("End", "true")
            command.open.discard(name)
    done = not command.open
    state = element(
        response,
        SHELL,
        "CommandState",
        CommandId=command.id,
        State=f"{SHELL}/CommandState/{'Done' if done else 'Running'}",
    )
    if done:
        element(state, SHELL, "ExitCode", str(command.child.wait() & 0xFFFFFFFF))


def perform(action, request, body):
    """Carries one request out and writes the body of its answer."""
    content = request.find(f"{{{SOAP}}}Body")
    if content.find(f"{{{IDENTITY}}}Identify") is not None:
        response = element(body, IDENTITY, "IdentifyResponse")
        element(response, IDENTITY, "ProtocolVersion", WSMAN)
        element(response, IDENTITY, "ProductVendor", "Pythön & Söhne")
        element(response, IDENTITY, "ProductVersion", "1.0")
        return
    selector = text_of(request, f"{{{SOAP}}}Header/{{{WSMAN}}}SelectorSet/{{{WSMAN}}}Selector")
    if action == "Create":
        shell = content.find(f"{{{SHELL}}}Shell")
        env = {v.get("Name"): v.text or "" for v in shell.iter(f"{{{SHELL}}}Variable")}
        id = str(uuid.uuid4()).upper()
        shells[id] = {"env": env, "cwd": text_of(shell, f"{{{SHELL}}}WorkingDirectory") or None, "commands": {}}
        created = element(body, TRANSFER, "ResourceCreated")
        element(created, ADDRESSING, "Address", "http://localhost/wsman")
        reference = element(created, ADDRESSING, "ReferenceParameters")
        element(reference, WSMAN, "ResourceURI", f"{SHELL}/cmd")
        element(element(reference, WSMAN, "SelectorSet"), WSMAN, "Selector", id, Name="ShellId")
        element(element(body, SHELL, "Shell"), SHELL, "ShellId", id)
    elif action == "Command":
        seen["commands"] += 1
        line = content.find(f"{{{SHELL}}}CommandLine")
        words = [text_of(line, f"{{{SHELL}}}Command")] + [a.text or "" for a in line.iter(f"{{{SHELL}}}Arguments")]
        shell = shells[selector]
        command = Process(" ".join(words), shell["env"], shell["cwd"])
        command.id = (line.get("CommandId") or str(uuid.uuid4())).upper()
        shell["commands"][command.id] = command
        element(element(body, SHELL, "CommandResponse"), SHELL, "CommandId", command.id)
    elif action == "Receive":
        wanted = content.find(f".//{{{SHELL}}}DesiredStream").get("CommandId")
        receive(shells[selector]["commands"][wanted.upper()], body)
    elif action == "Send":
        stream = content.find(f".//{{{SHELL}}}Stream")
        stdin = shells[selector]["commands"][stream.get("CommandId").upper()].child.stdin
        stdin.write(base64.b64decode(stream.text or ""))
        stdin.flush()
        if stream.get("End", "").lower() in ("true", "1"):
            stdin.close()
        element(body, SHELL, "SendResponse")
    elif action == "Signal":
        seen["signals"] += 1
        shells[selector]["commands"][content.find(f"{{{SHELL}}}Signal").get("CommandId").upper()].kill()
        element(body, SHELL, "SignalResponse")
    elif action == "Delete":
        for command in shells.pop(selector)["commands"].values():
            command.kill()
    else:
        raise ValueError(action)


def timed_out(body):
    fault = element(body, SOAP, "Fault")
    code = element(fault, SOAP, "Code")
    element(code, SOAP, "Value", "s:Receiver")
    element(element(code, SOAP, "Subcode"), SOAP, "Value", "w:TimedOut")
    element(element(fault, SOAP, "Reason"), SOAP, "Text", "not yet")
    detail = element(fault, SOAP, "Detail")
    element(detail, MICROSOFT, "WSManFault", "not yet", Code="2150858793", Machine="localhost")


def answer(document):
    """Status and bytes of the answer to an envelope. ElementTree picks prefixes of its own."""
    request = ET.fromstring(document)
    header = request.find(f"{{{SOAP}}}Header")
    action = text_of(header, f"{{{ADDRESSING}}}Action") if header is not None else ""
    status = 200
    for attempt in ("perform", "timed out"):
        envelope = ET.Element(f"{{{SOAP}}}Envelope")
        head = element(envelope, SOAP, "Header")
        element(head, ADDRESSING, "Action", f"{action}Response" if attempt == "perform" else f"{WSMAN}/fault")
        element(head, ADDRESSING, "MessageID", f"uuid:{uuid.uuid4()}")
        element(head, ADDRESSING, "RelatesTo", text_of(header, f"{{{ADDRESSING}}}MessageID") if action else "")
        body = element(envelope, SOAP, "Body")
        if attempt == "timed out":
            seen["timeouts"] += 1
            status = 500
            envelope.set("xmlns:w", WSMAN)
            envelope.set("xmlns:s", SOAP)
            timed_out(body)
            break
        try:
            perform(action.rsplit("/", 1)[-1], request, body)
            break
        except TimedOut:
            pass
    return status, ET.tostring(envelope, encoding="utf-8", xml_declaration=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    context = None  # of the connection, which one handler serves
    scheme = "Negotiate"

    def log_message(self, *_):
        pass

    @property
    def secure(self):
        return isinstance(self.connection, ssl.SSLSocket)

    def logged_on(self, final):
        """Whether the request comes from the user; otherwise it was answered. `final` gets the last token's header."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic" and self.secure:
            if base64.b64decode(token) == f"{user}:{password}".encode():
                return True
        elif scheme in ("Negotiate", "CredSSP") or scheme == "Kerberos" and has_keys:
            if self.context is None or self.context.complete or scheme != self.scheme:
                self.scheme = scheme
                self.context = acceptor(scheme, self.path, self.secure)
            try:
                out = self.context.step(base64.b64decode(token))
            except Exception:  # whatever the libraries make of a token that is refused
                self.context = None
            else:
                value = f"{scheme} {base64.b64encode(out or b'').decode()}".strip()
                if not self.context.complete:
                    self.reply(401, b"", ("WWW-Authenticate", value))
                    return False
                final.append(("WWW-Authenticate", value))
                seen["mechanisms"].append(f"{scheme}: {self.context.negotiated_protocol}")
                return True
        elif self.context is not None and self.context.complete:
            return True
        schemes = ["Negotiate", "CredSSP", *(["Kerberos"] if has_keys else []), 'Basic realm="x"']
        self.reply(401, b"", *(("WWW-Authenticate", offered) for offered in schemes))
        return False

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def do_POST(self):
        data = self.body()
        final = []
        if "wsmanidentify" in self.headers:
            self.reply(200, answer(data)[1])
            return
        if not self.logged_on(final):
            return
        if not data:
            self.reply(200, b"", *final)
        elif self.headers.get("Content-Type", "").startswith(("multipart/encrypted", "multipart/x-multi-encrypted")):
            seen["sealed"] += 1
            status, plain = answer(opened(self.context, data))
            content, body = sealed_body(self.context, self.scheme, plain)
            self.reply(status, body, ("Content-Type", content), *final)
        elif self.secure:
            status, plain = answer(data)
            self.reply(status, plain, ("Content-Type", PLAIN), *final)
        else:
            self.reply(403, b"", *final)

    def reply(self, status, data, *headers):
        """Answers with bodies in chunks of odd sizes."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not data:
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if not any(name == "Content-Type" for name, _ in headers):
            self.send_header("Content-Type", PLAIN)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(data), 7_001):
            piece = data[start : start + 7_001]
            self.wfile.write(b"%X\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


plain = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
secure = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[1], sys.argv[2])
secure.socket = tls.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
for server in (plain, secure):
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(plain.server_port, secure.server_port, flush=True)
sys.stdin.read()
print(json.dumps({"shells_open": len(shells), **seen}), flush=True)
