"""Seccomp: the system calls that a child may make, as a list of what is allowed. Compiled by libseccomp."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from . import linux

LIBRARY = "libseccomp.so.2"

ALLOWED = """
read write pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 open openat openat2 creat close close_range
lseek _llseek stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat
getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat
symlink symlinkat mknod mknodat truncate ftruncate fallocate fsync fdatasync sync_file_range fadvise64 dup dup2 dup3
flock umask sendfile copy_file_range getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr brk mmap munmap
mremap mprotect madvise msync mincore membarrier futex futex_waitv set_robust_list get_robust_list rseq
set_tid_address arch_prctl sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_min
sched_get_priority_max gettid getpid getppid getpgrp getpgid getsid exit exit_group wait4 waitid restart_syscall
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack pause clock_gettime
clock_getres gettimeofday time nanosleep clock_nanosleep getitimer setitimer alarm times poll ppoll select pselect6
epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 pipe pipe2 sendto recvfrom
shutdown getsockname getpeername getsockopt uname sysinfo getuid geteuid getgid getegid getgroups getresuid
getresgid getrlimit setrlimit getrusage getpriority getcpu getrandom capget prctl
"""
"""What Python, numpy and torch need. Whatever is not named, known or not, is answered with ENOSYS."""

OWN_FILES_ONLY = """
chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat setxattr lsetxattr
fsetxattr removexattr lremovexattr fremovexattr
"""
"""Landlock does not watch these: allowed only where every file of the host is mounted read-only."""

REFUSED = """
fork vfork execve execveat socket connect bind listen accept accept4 sendmsg recvmsg setsockopt ptrace
process_vm_readv process_vm_writev tkill rt_sigqueueinfo pidfd_open pidfd_getfd pidfd_send_signal mount umount2
pivot_root chroot unshare setns setuid setgid setresuid setresgid setgroups capset bpf perf_event_open
io_uring_setup io_uring_enter io_uring_register userfaultfd keyctl add_key request_key memfd_create shmget shmat
msgget semget mq_open open_by_handle_at name_to_handle_at inotify_init1 fanotify_init setpriority sched_setscheduler
setsid setpgid personality
"""
"""Answered with EPERM, which says better than ENOSYS what happened."""

_CLONE_THREAD = 0x10000
_SELF = 0x51F0CAFE
"""Stands for the child's own process number in the compiled program."""
_FCNTL = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    36,
    37,
    38,
    1030,
    1032,
)  # descriptors, flags, locks, size of a pipe; no owner, no signal
_IOCTL = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # is it a terminal, its size, FIONREAD, FIONBIO, close-on-exec

_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EQUAL, _MASKED_EQUAL = 4, 7
_BAD_ARCHITECTURE, _OPTIMIZE = 2, 8
_JUMP_IF_EQUAL = 0x15


class _Comparison(ctypes.Structure):
    _fields_ = (("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def compile_filter(*, own_files_only: bool) -> bytes:
    """The BPF program. Raises OSError without libseccomp."""
    filter_ = _Filter()
    for name in (ALLOWED + (OWN_FILES_ONLY if own_files_only else "")).split():
        filter_.allow(name)
    for name in (REFUSED + ("" if own_files_only else OWN_FILES_ONLY)).split():
        filter_.refuse(name)
    # a thread, but no process; clone3 hides its flags and stays ENOSYS, which makes the C library use clone
    filter_.when("clone", 0, _CLONE_THREAD, mask=_CLONE_THREAD)
    filter_.when("clone", 0, 0, mask=_CLONE_THREAD, action=_ERRNO | errno.EPERM)
    filter_.when("socketpair", 0, 1)  # AF_UNIX: what an asyncio loop wakes itself with
    for name in ("kill", "tgkill", "prlimit64"):
        filter_.when(name, 0, _SELF)
    for name in ("prlimit64", "sched_setaffinity"):
        filter_.when(name, 0, 0)
    for name, requests in (("fcntl", _FCNTL), ("ioctl", _IOCTL)):
        for request in requests:
            filter_.when(name, 1, request)
    return filter_.export()


def restrict_self(program: bytes) -> None:
    """Load the program into this process, for good."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    mine = _with_own_number(program)
    linux.prctl(linux.PR_SET_SECCOMP, 2, ctypes.byref(Program(len(mine) // 8, mine)))


def _with_own_number(program: bytes) -> bytes:
    own = os.getpid()
    changed = bytearray(program)
    for start in range(0, len(program), 8):
        code, _, _, value = struct.unpack_from("=HBBI", program, start)
        if code == _JUMP_IF_EQUAL and value == _SELF:
            struct.pack_into("=I", changed, start + 4, own)
    return bytes(changed)


class _Filter:
    """A libseccomp context."""

    def __init__(self) -> None:
        self._library = library = ctypes.CDLL(LIBRARY)
        library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(library.seccomp_init(_ERRNO | errno.ENOSYS))
        # int80 and x32 calls have other numbers: whoever makes one is up to something
        self._check(library.seccomp_attr_set(self._context, _BAD_ARCHITECTURE, _KILL_PROCESS), "architecture")
        library.seccomp_attr_set(self._context, _OPTIMIZE, 2)  # a tree instead of a list; older ones have no tree

    def allow(self, name: str) -> None:
        self._rule(name, _ALLOW)

    def refuse(self, name: str) -> None:
        self._rule(name, _ERRNO | errno.EPERM)

    def when(self, name: str, argument: int, value: int, *, mask: int | None = None, action: int = _ALLOW) -> None:
        """Allow (or else) a call whose argument, or its bits in `mask`, is `value`."""
        operator, a, b = (_EQUAL, value, 0) if mask is None else (_MASKED_EQUAL, mask, value)
        self._rule(name, action, _Comparison(argument, operator, a, b))

    def _rule(self, name: str, action: int, *comparisons: _Comparison) -> None:
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return  # not on this architecture, or newer than the library: answered with ENOSYS
        array = (_Comparison * len(comparisons))(*comparisons)
        result = self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(action), number, len(comparisons), array
        )
        self._check(result, name)

    def _check(self, result: int, what: str) -> None:
        if result < 0:
            raise OSError(-result, f"libseccomp: {what}: {os.strerror(-result)}")

    def export(self) -> bytes:
        with os.fdopen(os.memfd_create("filter"), "w+b") as file:
            self._check(self._library.seccomp_export_bpf(self._context, file.fileno()), "export")
            file.seek(0)
            return file.read()
