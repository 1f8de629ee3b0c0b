"""Serves a folder over implicit FTPS with pyftpdlib 2.2.0, in the peer's own environment. Prints its port.

Usage: python ftps_peer.py FOLDER USER PASSWORD CERTIFICATE KEY
"""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer


class Implicit(TLS_FTPHandler):
    """As pyftpdlib's own documentation shows it: TLS before the greeting."""

    tls_control_required = True
    tls_data_required = True
    auth_failed_timeout = 0

    def handle(self) -> None:
        self.secure_connection(self.get_ssl_context())

    def handle_ssl_established(self) -> None:
        super().handle()


def main(folder: str, user: str, password: str, certificate: str, key: str) -> None:
    Implicit.authorizer = DummyAuthorizer()
    Implicit.authorizer.add_user(user, password, folder, perm="elr")
    Implicit.certfile, Implicit.keyfile = certificate, key
    server = FTPServer(("127.0.0.1", 0), Implicit)
    print(server.address[1], flush=True)
    server.serve_forever(handle_exit=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
