"""A process in a network of its own whose name server, this process, never answers: it sends one request.

Run as root of a user, network and mount namespace. The argument is the resolv.conf to write.
"""

import fcntl
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from ledger.outgoing import LocalHosts, NoAnswer, asked

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
_SECONDS = 0.3

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    fcntl.ioctl(server, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
    server.bind(("127.0.0.1", 53))
    server.setblocking(False)
    resolv = Path(sys.argv[1])
    resolv.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", str(resolv), "/etc/resolv.conf"], check=True)

    began = time.monotonic()
    try:
        with asked("GET", "http://shop.example/", None, {}, LocalHosts.parse("", ""), _SECONDS):
            pass
    except NoAnswer as error:
        print(error)
    print(f"asked: {b'shop' in server.recv(512)}, in time: {time.monotonic() - began < 2 * _SECONDS + 1}")
