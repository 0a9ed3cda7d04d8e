# Programs that reach for the kernel: namespaces, mounts, odd system calls.
# ruff: noqa
# fmt: off

#% namespaces: makes namespaces of its own
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x08000000, 0x04000000, 0x02000000):
    if libc.unshare(flag) == 0: print("GOT THROUGH", hex(flag))
    if libc.syscall(56, flag | 17, 0, 0, 0, 0) > 0: print("GOT THROUGH", hex(flag))
for name in ("user", "mnt", "net", "pid"):
    try: space = open(f"/proc/{target['evaluator']}/ns/{name}")
    except OSError: continue
    if libc.setns(space.fileno(), 0) == 0: print("GOT THROUGH", name)

#% clone3: starts a process through the call whose flags no filter sees
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
arguments = struct.pack("11Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)
number = libc.syscall(435, arguments, len(arguments))
if number == 0: libc._exit(0)
if number > 0: print("GOT THROUGH", number)

#% mounts: mounts, moves, changes roots
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for attack in (lambda: libc.mount(b"tmpfs", b".", b"tmpfs", 0, None), lambda: libc.mount(None, b"/", None, 32 | 4096, None), lambda: libc.umount2(b"/proc", 2),
               lambda: libc.chroot(b"."), lambda: libc.pivot_root(b".", b"."), lambda: libc.syscall(428, -100, b"/", 0) - 3 and -1):
    if attack() == 0: print("GOT THROUGH")
for number in (428, 429, 430, 431, 432, 433, 442):
    if libc.syscall(number, 0, 0, 0, 0, 0) >= 0: print("GOT THROUGH", number)

#% int80: calls the kernel as a 32-bit program would
import ctypes, mmap
code = bytes.fromhex("b8 14 00 00 00 cd 80 c3")
page = mmap.mmap(-1, 4096, prot=7)
page.write(code)
print("GOT THROUGH", ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())

#% x32: calls the kernel with the numbers of the x32 interface
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
number = libc.syscall(0x40000000 + 39)
print("GOT THROUGH" if number > 0 else "refused")

#% odd_calls: tries the calls that exploits begin with
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
names = {"bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "keyctl": 250, "kexec_load": 246, "init_module": 175,
         "finit_module": 313, "reboot": 169, "swapon": 167, "settimeofday": 164, "sethostname": 170, "acct": 163, "personality": 135, "kcmp": 312,
         "fanotify_init": 300, "memfd_secret": 447, "quotactl": 179, "syslog": 103, "vmsplice": 278, "tee": 276, "splice": 275, "modify_ldt": 154}
import platform
if platform.machine() == "x86_64":
    for name, number in names.items():
        if libc.syscall(number, 0, 0, 0, 0, 0) >= 0: print("GOT THROUGH", name)

#% shared_memory: makes memory that no limit counts
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
try: print("GOT THROUGH", os.memfd_create("x"))
except OSError: pass
if libc.shmget(0, 1 << 20, 0o1666) >= 0: print("GOT THROUGH: shmget")
if libc.msgget(0, 0o1666) >= 0: print("GOT THROUGH: msgget")
if libc.semget(0, 1, 0o1666) >= 0: print("GOT THROUGH: semget")
if libc.mq_open(b"/queue", 0o102, 0o666, None) >= 0: print("GOT THROUGH: mq_open")
try:
    from multiprocessing import shared_memory
    print("GOT THROUGH", shared_memory.SharedMemory(create=True, size=1 << 20))
except (OSError, ImportError): pass

#% terminal: types into the terminal of whoever started it
import fcntl
for fd in (0, 1, 2, 3):
    for request in (0x5412, 0x541C):
        try:
            fcntl.ioctl(fd, request, b"x")
            print("GOT THROUGH")
        except OSError: pass

#% loosen: takes back what it gave up
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for option, value in ((38, 0), (24, 1), (47, 2)):
    if libc.prctl(option, value, 0, 0, 0) == 0: print("GOT THROUGH", option)
