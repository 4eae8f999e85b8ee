"""winrs commands per second through pywinrm. See rate.py."""

from winrm.protocol import Protocol

from rate import measure


class Client:
    def __init__(self, endpoint):
        self.protocol = Protocol(endpoint + "/wsman", transport="basic", username="bench", password="bench")

    def open(self):
        self.shell = self.protocol.open_shell()

    def run(self):
        command = self.protocol.run_command(self.shell, "hostname")
        _, _, exit_code = self.protocol.get_command_output(self.shell, command)
        self.protocol.cleanup_command(self.shell, command)
        return exit_code

    def close(self):
        # The connection stays, for the next shell: the faster of the two ways that pywinrm has.
        self.protocol.close_shell(self.shell, close_session=False)


measure(Client)
