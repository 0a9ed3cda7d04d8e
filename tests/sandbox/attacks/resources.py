# Programs that take all there is.
# ruff: noqa
# fmt: off

#% memory_bomb: takes memory until there is none
hoard = []
while len(hoard) < 600: hoard.append(bytearray(b"x" * (4 << 20)))
print("GOT THROUGH", len(hoard))

#% one_big_allocation: asks for a terabyte
import torch
print("GOT THROUGH", torch.empty(1 << 40).shape)

#% infinite_loop (hangs): never ends
while True: pass

#% deaf_loop (hangs): never ends and does not listen
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True: pass

#% stubborn_loop (hangs): catches every interruption
while True:
    try:
        while True: pass
    except BaseException: pass

#% loop_in_c (hangs): never ends inside a C call
sum(range(10**14))

#% sleeping (hangs): blocks in a system call
import time
time.sleep(1000)

#% blocked_signals (hangs): blocks every signal and waits
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
while True: pass

#% output_flood: prints for ever
while True: print("x" * 1000)

#% output_flood_in_c: writes to the descriptor for ever
import os
while True: os.write(1, b"y" * 65536)

#% recursion: never returns
def again(): return again()
again()

#% c_recursion (hangs): overflows the stack of the interpreter
import sys
sys.setrecursionlimit(10**9)
def again(x): return [again(x)]
again(1)

#% huge_number (hangs): computes a number with 10^10 digits
print(len(str(9 ** (9 ** 9))))

#% descriptors: opens files until there are none
import os
opened = []
try:
    while len(opened) < 5000: opened.append(os.open("/dev/null", os.O_RDONLY))
    print("GOT THROUGH")
except OSError: pass

#% pipes: fills pipes
import os
for _ in range(1000):
    try: os.set_blocking(os.pipe()[1], False)
    except OSError: break

#% long_error: raises an error with an endless message
raise ValueError("x" * 50_000_000)

#% hanging_error (hangs): raises an error whose message never comes
class Slow(Exception):
    def __str__(self):
        while True: pass
raise Slow

#% hanging_repr (hangs): ends with a value that cannot be shown
class Slow:
    def __repr__(self):
        while True: pass
Slow()
