# Programs that start processes, or reach for those of others.
# ruff: noqa
# fmt: off

#% shell: runs commands
import os, subprocess
for attack in (lambda: subprocess.run(["/bin/sh", "-c", "echo started"], capture_output=True), lambda: os.posix_spawn("/bin/true", ["true"], {}),
               lambda: os.popen("id").read() or 1 / 0):
    try: print("GOT THROUGH", attack())
    except (OSError, ZeroDivisionError): pass
if os.system("true") == 0: print("GOT THROUGH")

#% replace_itself: executes another program in its place
import os
for path in ("/bin/sh", "/usr/bin/env", "/proc/self/exe"):
    try: os.execv(path, [path, "-c", "echo GOT THROUGH"])
    except OSError: pass

#% fork: starts processes in every way
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for attack in (os.fork, lambda: libc.syscall(57), lambda: libc.syscall(58), lambda: libc.syscall(56, 17, 0, 0, 0, 0), lambda: libc.fork()):
    try:
        number = attack()
        if number == 0: os._exit(0)
        if number > 0: print("GOT THROUGH", number)
    except OSError: pass

#% fork_bomb: forks until it cannot
import os
for _ in range(2000):
    try:
        if os.fork() == 0:
            while True: os.fork()
        print("GOT THROUGH")
    except OSError: break

#% thread_bomb: starts threads until it cannot
import threading, time
threading.stack_size(1 << 20)
started = 0
try:
    for _ in range(5000):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except (RuntimeError, MemoryError): pass
limit = 16 if target["level"].startswith("namespaces") else 600
print("GOT THROUGH" if started > limit else "held", started)

#% kill_everything: sends signals to everybody
import os, signal
for number in (-1, 0, 1, 2, -target["evaluator"], target["evaluator"], target["decoy"], os.getppid()):
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            if number not in (0, 1) or kind != signal.SIGKILL: os.kill(number, kind)
        except OSError: pass

#% kill_by_descriptor: signals the evaluator through a pidfd and through a thread number
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
for number in (target["evaluator"], target["decoy"]):
    try: signal.pidfd_send_signal(os.pidfd_open(number), signal.SIGKILL)
    except OSError: pass
    libc.syscall(200, number, 9), libc.syscall(234, number, number, 9), libc.syscall(129, number, 9, 0)

#% kill_by_ownership: makes the kernel signal the evaluator when a pipe becomes ready
import fcntl, os, signal
read, write = os.pipe()
for command, value in ((10, signal.SIGKILL), (8, target["decoy"])):
    try: fcntl.fcntl(read, command, value)
    except OSError: pass
try: fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC)
except OSError: pass
os.write(write, b"x")

#% strangle: lowers the limits and the priority of the evaluator
import os, resource
for attack in (lambda: resource.prlimit(target["evaluator"], resource.RLIMIT_NOFILE, (3, 3)), lambda: os.setpriority(os.PRIO_PROCESS, target["decoy"], 19),
               lambda: os.sched_setaffinity(target["evaluator"], {0}), lambda: os.sched_setscheduler(target["decoy"], os.SCHED_IDLE, os.sched_param(0))):
    try:
        attack()
        print("GOT THROUGH")
    except OSError: pass

#% raise_limits: lifts its own limits
import resource
for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
    try:
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("GOT THROUGH", kind)
    except (OSError, ValueError): pass

#% trace: attaches to the evaluator
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (target["evaluator"], target["decoy"]):
    for request in (16, 0x4206):
        if libc.ptrace(request, number, 0, 0) == 0: print("GOT THROUGH", number)

#% become_somebody: changes user, group and capabilities
import ctypes, os
for attack in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.setresuid(0, 0, 0)):
    try:
        attack()
        print("GOT THROUGH")
    except OSError: pass
if 0 in (os.getuid(), os.geteuid()): print("GOT THROUGH: it is root")
