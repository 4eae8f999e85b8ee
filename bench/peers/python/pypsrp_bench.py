"""winrs commands per second through pypsrp. See rate.py."""

from urllib.parse import urlsplit

from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan

from rate import measure


class Client:
    def __init__(self, endpoint):
        target = urlsplit(endpoint)
        self.wsman = WSMan(
            target.hostname,
            port=target.port,
            ssl=False,
            auth="basic",
            encryption="never",
            username="bench",
            password="bench",
            no_proxy=True,
        )

    def open(self):
        self.shell = WinRS(self.wsman)
        self.shell.open()

    def run(self):
        process = Process(self.shell, "hostname")
        process.invoke()
        process.signal(SignalCode.TERMINATE)
        return process.rc

    def close(self):
        self.shell.close()


measure(Client)
