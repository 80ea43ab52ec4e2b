"""A service that answers with its process id on a Unix socket; for supervisors of programs."""

import contextlib
import os
import socket
import sys


def main(path: str) -> None:
    """Serve for ever."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        while True:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(ConnectionError):
                connection.sendall(str(os.getpid()).encode())


if __name__ == "__main__":
    main(sys.argv[1])
