"""Put this folder on PYTHONPATH, and Python reaches nothing but its own machine.

The tests start the notebooks' kernels so: a cell that needs a download fails
here rather than on a train.
"""

import socket
import sys

HERE = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}


def _refuse(host):
    if isinstance(host, bytes):
        host = host.decode()
    if host is not None and host not in HERE and not host.startswith("127."):
        message = f"there is no network in this test: something asked for {host}"
        print(message, file=sys.stderr, flush=True)  # also when the caller swallows the error
        raise OSError(message)


def _guarded(method):
    def call(self, address, *rest):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse(address[0])
        return method(self, address, *rest)

    return call


def _guarded_lookup(host, *rest, _lookup=socket.getaddrinfo, **options):
    _refuse(host)
    return _lookup(host, *rest, **options)


socket.socket.connect = _guarded(socket.socket.connect)
socket.socket.connect_ex = _guarded(socket.socket.connect_ex)
socket.getaddrinfo = _guarded_lookup
