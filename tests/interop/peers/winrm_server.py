"""A WinRM service of parts that are not ours: HTTP and TLS are Python's, NTLM and sealing pyspnego's, XML ElementTree's.

usage: winrm_server.py CERTIFICATE KEY USER    (the password comes from DROVER_PASSWORD; pyspnego reads it from
NTLM_USER_FILE; with KRB5_KTNAME it accepts Kerberos too, for HTTP/localhost)

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

import spnego

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
}
PLAIN = "application/soap+xml;charset=UTF-8"
RECEIVE_SECONDS = 0.3

user = sys.argv[3]
password = os.environ["DROVER_PASSWORD"]
shells = {}
seen = {"commands": 0, "signals": 0, "sealed": 0, "timeouts": 0, "mechanisms": []}
has_keys = "KRB5_KTNAME" in os.environ


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
        elif scheme == "Negotiate" or scheme == "Kerberos" and has_keys:
            if self.context is None or self.context.complete or scheme != self.scheme:
                self.scheme = scheme
                self.context = (
                    spnego.server(hostname="localhost", service="HTTP", protocol="kerberos")
                    if scheme == "Kerberos"
                    else spnego.server(
                        hostname="localhost",
                        service="HTTP",
                        protocol="negotiate",
                        options=spnego.NegotiateOptions.use_negotiate,
                    )
                )
            try:
                out = self.context.step(base64.b64decode(token))
            except spnego.exceptions.SpnegoError:
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
        schemes = ["Negotiate", *(["Kerberos"] if has_keys else []), 'Basic realm="x"']
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
        sealed = self.headers.get("Content-Type", "").startswith("multipart/encrypted")
        if not data:
            self.reply(200, b"", *final)
        elif sealed:
            seen["sealed"] += 1
            payload = re.search(rb"octet-stream\r\n(.*)--Encrypted Boundary--\r\n$", data, re.S)[1]
            size = 4 + int.from_bytes(payload[:4], "little")
            status, plain = answer(self.context.unwrap_winrm(payload[4:size], payload[size:]))
            wrapped = self.context.wrap_winrm(plain)
            self.reply(
                status,
                b"--Encrypted Boundary\r\n"
                b"Content-Type: %s\r\nOriginalContent: type=%s;Length=%d\r\n--Encrypted Boundary\r\n"
                b"Content-Type: application/octet-stream\r\n%s%s%s--Encrypted Boundary--\r\n"
                % (
                    PROTOCOLS[self.scheme].encode(),
                    PLAIN.encode(),
                    len(plain),
                    len(wrapped.header).to_bytes(4, "little"),
                    wrapped.header,
                    wrapped.data,
                ),
                ("Content-Type", f'multipart/encrypted;protocol="{PROTOCOLS[self.scheme]}";boundary="Encrypted Boundary"'),
                *final,
            )
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
