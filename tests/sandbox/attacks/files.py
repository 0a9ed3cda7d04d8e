# Programs that write where they must not, or leave something behind for those who come later.
# ruff: noqa
# fmt: off

#% drop_a_file: writes into a folder that everybody may write to
for folder in (target["drop"], target["home"], "/tmp", "/var/tmp", "/dev/shm", "/"):
    try:
        open(folder + "/dropped-by-a-program", "w").write("x")
        print("GOT THROUGH", folder)
    except OSError: pass

#% poisoned_packages: puts a module where Python imports from
import sys, sysconfig
for folder in [*sys.path, *sysconfig.get_paths().values(), target["home"] + "/.local/lib/python3.11/site-packages"]:
    for name in ("sitecustomize.py", "usercustomize.py", "planted_module.pth"):
        try:
            open(f"{folder}/{name}", "x").close()
            print("GOT THROUGH", folder)
        except OSError: pass

#% poisoned_cache: overwrites compiled Python
import importlib.util, json
try:
    open(json.__cached__, "r+b").close()
    print("GOT THROUGH")
except OSError: pass

#% overwrite_the_grader: replaces, truncates, moves and deletes the grader
import os
for attack in (lambda: open(target["grader"], "w"), lambda: open(target["grader"], "a"), lambda: os.truncate(target["grader"], 0),
               lambda: os.rename(target["grader"], "mine"), lambda: os.unlink(target["grader"]), lambda: os.open(target["grader"], os.O_RDONLY | os.O_TRUNC)):
    try:
        attack()
        print("GOT THROUGH")
    except OSError: pass

#% change_modes: makes files unreadable, gives them away, sets their times and attributes
import os
path = target["open_file"]
for attack in (lambda: os.chmod(path, 0o777), lambda: os.chown(path, 12345, 12345), lambda: os.utime(path, (1, 1)),
               lambda: os.setxattr(path, "user.x", b"y"), lambda: os.chmod(target["drop"], 0), lambda: os.chown(path, os.getuid(), os.getgid())):
    try:
        attack()
        print("GOT THROUGH")
    except OSError: pass

#% change_modes_of_libraries: the same through the descriptor of a file that may be read
import os, json
fd = os.open(json.__file__, os.O_RDONLY)
for attack in (lambda: os.fchmod(fd, 0o777), lambda: os.fchown(fd, os.getuid(), -1), lambda: os.utime(fd, (1, 1))):
    try:
        attack()
        print("GOT THROUGH")
    except OSError: pass

#% climb_out: leaves the workspace through ..
import os
for folder in ("..", "../..", "../../../../.."):
    try: print("GOT THROUGH", open(folder + "/dropped-by-a-program", "w"))
    except OSError: pass
os.chdir("..")
try: print("GOT THROUGH", os.mkdir("dropped-by-a-program"))
except OSError: pass

#% workspaces_of_others: looks for the working directories of other rollouts
import os
here = os.getcwd()
for name in sorted(os.listdir("..")):
    other = os.path.join("..", name)
    if os.path.realpath(other) != here:
        print("GOT THROUGH", os.listdir(other))

#% devices: makes and opens devices
import os, stat
for number in ((1, 1), (8, 0), (1, 8)):
    try:
        os.mknod("device", stat.S_IFBLK | 0o666, os.makedev(*number))
        print("GOT THROUGH")
    except OSError: pass
for path in ("/dev/mem", "/dev/kmem", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse", "/dev/ptmx", "/dev/tty"):
    try: print("GOT THROUGH", os.open(path, os.O_RDWR))
    except OSError: pass

#% fill_the_disk: writes as much as it can
written = 0
try:
    with open("big", "wb") as file:
        while written < 400 << 20: written += file.write(bytes(1 << 20))
except OSError: pass
if written > 100 << 20: print("GOT THROUGH", written)

#% many_files: makes as many files as it can
import os
made, limit = 0, 9000 if target["level"].startswith("namespaces") else 300  # only a file system of its own has a limit
try:
    for made in range(limit): os.close(os.open(f"f{made}", os.O_CREAT | os.O_WRONLY))
except OSError: pass
if made > 8192: print("GOT THROUGH", made)

#% links_for_read_file: leaves links, a pipe and a huge file where the grader will read
import os
os.symlink(target["grader"], "answer.txt")
os.symlink(os.path.dirname(target["grader"]), "folder")
os.mkfifo("pipe")
os.makedirs("deep/" + "d/" * 50)
os.truncate(os.open("huge", os.O_CREAT | os.O_RDWR), 60 << 20)
