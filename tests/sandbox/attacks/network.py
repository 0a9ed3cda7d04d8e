# Programs that talk to somebody.
# ruff: noqa
# fmt: off

#% tcp: connects to a server on this machine and on the internet
import socket
for address in (("127.0.0.1", target["tcp"]), ("1.1.1.1", 53), ("169.254.169.254", 80)):
    try:
        connection = socket.create_connection(address, 0.2)
        connection.sendall(b"hello")
        print("GOT THROUGH", address)
    except OSError: pass

#% tcp6: the same over IPv6
import socket
try:
    connection = socket.socket(socket.AF_INET6)
    connection.settimeout(0.2)
    connection.connect(("::1", target["tcp"]))
    print("GOT THROUGH")
except OSError: pass

#% listen: waits for somebody to come in
import socket
try:
    server = socket.socket()
    server.bind(("0.0.0.0", 0))
    server.listen()
    print("GOT THROUGH", server)
except OSError: pass

#% udp: sends datagrams
import socket
try:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    print("GOT THROUGH", sender.sendto(b"hello", ("127.0.0.1", target["udp"])))
except OSError: pass

#% names: asks for the address of a name
import socket
try: print("GOT THROUGH", socket.getaddrinfo("example.com", 80))
except OSError: pass

#% raw: raw, packet and netlink sockets
import socket
for kind in ((socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), (socket.AF_PACKET, socket.SOCK_RAW, 0), (socket.AF_NETLINK, socket.SOCK_RAW, 0),
             (socket.AF_VSOCK, socket.SOCK_STREAM, 0), (socket.AF_ALG, socket.SOCK_SEQPACKET, 0)):
    try: print("GOT THROUGH", socket.socket(*kind))
    except OSError: pass

#% abstract: connects to an abstract Unix socket
import socket
try:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("\0" + target["abstract"])
    print("GOT THROUGH")
except OSError: pass

#% unix: connects to Unix sockets in the file system
import socket
for path in (target["unix"], "/var/run/docker.sock", "/run/systemd/private", "/run/dbus/system_bus_socket"):
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        print("GOT THROUGH", path)
    except OSError: pass

#% pass_descriptors: sends an open descriptor to the evaluator
import array, os, socket
channel = socket.socket(fileno=3)
try: print("GOT THROUGH", channel.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))]))
except OSError: pass
channel.detach()

#% io_uring: sets up a ring, which could open sockets behind the filter's back
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
parameters = ctypes.create_string_buffer(120)
if libc.syscall(425, 8, parameters) >= 0: print("GOT THROUGH")
