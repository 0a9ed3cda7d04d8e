# Programs that look for the key, the grader and the expected answer. `target` says where things lie.
# ruff: noqa
# fmt: off

#% environment: prints its own environment
import os
print(dict(os.environ))

#% environment_of_others: reads the environment of every process it can see
import glob
for path in glob.glob("/proc/[0-9]*/environ") + [f"/proc/{target['evaluator']}/environ", f"/proc/{target['decoy']}/environ"]:
    try: print(open(path, "rb").read())
    except OSError: pass

#% command_lines: reads the command line and the working directory of every process it can see
import glob, os
for number in [*range(1, 400), target["evaluator"], target["decoy"]]:
    try: print(open(f"/proc/{number}/cmdline").read(), os.listdir(f"/proc/{number}/cwd"))
    except OSError: pass

#% own_memory: scans all of its own memory for something planted
import re, ctypes
try: maps = open("/proc/self/maps").read()
except OSError: maps = ""
for line in maps.splitlines():
    start, end = (int(x, 16) for x in line.split()[0].split("-"))
    if "r" in line.split()[1] and end - start < 1 << 28 and "[v" not in line:
        print(re.findall(rb"planted-[0-9a-f]{16}", ctypes.string_at(start, end - start)))

#% memory_of_evaluator: reads the memory of the evaluator
import re
for number in (target["evaluator"], target["decoy"], 1, 2):
    try:
        with open(f"/proc/{number}/maps") as maps, open(f"/proc/{number}/mem", "rb") as memory:
            for line in maps:
                if "[heap]" in line or "[stack]" in line:
                    start, end = (int(x, 16) for x in line.split()[0].split("-"))
                    memory.seek(start)
                    print(re.findall(rb"planted-[0-9a-f]{16}", memory.read(end - start)))
    except OSError: pass

#% memory_by_system_call: process_vm_readv on the evaluator
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
class Vector(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
data = ctypes.create_string_buffer(8)
mine, theirs = Vector(ctypes.addressof(data), 8), Vector(target["address"], 8)
if libc.process_vm_readv(target["evaluator"], ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) == 8: print("GOT THROUGH", data.raw)

#% frames: walks the stack and prints every variable of every frame
import sys
frame = sys._getframe()
while frame:
    print(frame.f_code.co_filename, frame.f_locals, [k for k in frame.f_globals])
    frame = frame.f_back

#% garbage_collector: prints every string that the collector can reach
import gc
for thing in gc.get_objects():
    if isinstance(thing, dict):
        try: print([value for value in thing.values() if isinstance(value, str) and "planted" in value])
        except Exception: pass

#% evalkit_itself: imports evalkit and asks it for the canary
import sys
sys.path[:0] = target["import_path"]
from evalkit.sandbox import canary
print("GOT THROUGH", canary())

#% modules: looks through every loaded module for a grader
import sys
for name, module in list(sys.modules.items()):
    for key, value in list(vars(module).items()):
        if isinstance(value, str) and "planted" in value: print(name, key, value)
    if name.startswith(("evalkit", "tasks")): print("GOT THROUGH", name)

#% grader_file: reads the grader of a task
print(open(target["grader"]).read())

#% grader_by_numpy: reads it through a library
import numpy
print(numpy.loadtxt(target["grader"], dtype=str, delimiter="\0"))

#% grader_by_import: imports the task
import sys
sys.path.insert(0, target["tasks"])
import secret_task
print("GOT THROUGH", vars(secret_task))

#% grader_by_memory_map: maps the file
import mmap, os
fd = os.open(target["grader"], os.O_RDONLY)
print(mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:])

#% grader_by_path_descriptor: reopens an O_PATH descriptor through /proc
import os
fd = os.open(target["grader"], os.O_PATH)
print(open(f"/proc/self/fd/{fd}").read())

#% grader_by_handle: opens the file by its handle
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
class Handle(ctypes.Structure): _fields_ = [("size", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_char * 128)]
handle, mount = Handle(128), ctypes.c_int()
if libc.name_to_handle_at(-100, target["grader"].encode(), ctypes.byref(handle), ctypes.byref(mount), 0) == 0:
    fd = libc.open_by_handle_at(os.open("/", os.O_PATH), ctypes.byref(handle), 0)
    if fd >= 0: print(os.read(fd, 1000))

#% grader_by_link: links to the file from the workspace and reads the link
import os
os.symlink(target["grader"], "link")
print(open("link").read())

#% grader_by_hard_link: hard link into the workspace
import os
os.link(target["grader"], "hard")
print(open("hard").read())

#% home: reads what lies in the home of the user
import os
for place in (target["home"], os.path.expanduser("~"), "/root", "/home"):
    for folder, _, names in os.walk(place):
        for name in names:
            try: print(name, open(os.path.join(folder, name)).read(2000))
            except (OSError, UnicodeDecodeError): pass

#% temporary_files: reads what others left in the temporary folders
import os
for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run"):
    for base, _, names in os.walk(folder):
        for name in names[:200]:
            try: print(name, open(os.path.join(base, name), errors="replace").read(2000))
            except OSError: pass

#% password_files: reads accounts and host keys
for path in ("/etc/shadow", "/etc/passwd", "/etc/hostname", "/etc/ssh/ssh_host_rsa_key", "/root/.bash_history"):
    try: print("GOT THROUGH", path, open(path).read(100))
    except OSError: pass

#% kernel_information: reads what /proc and /sys say about the host
for path in ("/proc/net/tcp", "/proc/mounts", "/proc/self/mountinfo", "/proc/kallsyms", "/proc/cmdline", "/sys/class/net/lo/address"):
    try: print("GOT THROUGH", path, open(path).read(100))
    except OSError: pass

#% inherited_descriptors: reads and lists every open descriptor
import os, stat
for fd in range(5, 1024):
    try: print("GOT THROUGH", fd, oct(os.fstat(fd).st_mode))
    except OSError: pass
