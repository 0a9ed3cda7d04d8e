# Programs that attack the process they run in, and the channel to the evaluator.
# ruff: noqa
# fmt: off

#% segfault: reads address zero
import ctypes
ctypes.string_at(0)

#% abort: aborts
import os
os.abort()

#% exit_at_once: ends the interpreter with a status that says all went well
import os
os._exit(0)

#% polite_exit: raises SystemExit in the middle
raise SystemExit("done")

#% close_everything: closes every descriptor
import os
os.closerange(0, 1024)

#% close_output: closes its output only
import os
os.close(1); os.close(2)

#% replace_output: puts something else in the place of its output
import sys
sys.stdout = sys.stderr = None

#% forged_frame: writes an answer of its own before the real one
import json, os, struct
header = json.dumps({"kind": "ok", "nonce": "0" * 32}).encode()
os.write(3, struct.pack(">II", 4 + len(header), len(header)) + header)

#% forged_frame_with_nonce: takes the nonce from the worker's memory and answers twice
import json, os, struct, sys
frame = sys._getframe()
while "header" not in frame.f_locals: frame = frame.f_back
header = json.dumps({"kind": "ok", "nonce": frame.f_locals["header"]["nonce"]}).encode()
os.write(3, 2 * (struct.pack(">II", 4 + len(header), len(header)) + header))

#% oversized_frame: announces four gigabytes
import os, struct
os.write(3, struct.pack(">II", 0xFFFFFFFF, 10))

#% endless_frame: sends bytes that never make a frame
import os
while True: os.write(3, b"\0" * 65536)

#% deep_json: sends a header nested a million times
import os, struct
header = b"[" * 500_000
data = struct.pack(">II", 4 + len(header), len(header)) + header
while data: data = data[os.write(3, data):]

#% pickle: sends a pickle that would execute something
import os, pickle, struct
class Boom:
    def __reduce__(self): return os.system, ("touch /tmp/dropped-by-a-program",)
header = pickle.dumps(Boom())
os.write(3, struct.pack(">II", 4 + len(header), len(header)) + header)

#% wrong_types: answers with a header of the wrong types
import json, os, struct, sys
frame = sys._getframe()
while "header" not in frame.f_locals: frame = frame.f_back
header = json.dumps({"kind": ["ok"], "error": {"a": 1}, "nonce": frame.f_locals["header"]["nonce"]}).encode()
os.write(3, struct.pack(">II", 4 + len(header), len(header)) + header)
os._exit(0)

#% read_the_channel: reads what the evaluator sends next
import os, threading
threading.Thread(target=lambda: os.read(3, 100), daemon=True).start()

#% leftover_thread: goes on printing after it has answered
import threading, time
def chatter():
    while True:
        print("GOT THROUGH" * 0 + "noise")
        time.sleep(0.001)
threading.Thread(target=chatter, daemon=True).start()

#% signal_handlers: installs handlers that end the process
import os, signal
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM): signal.signal(number, lambda *_: os._exit(0))
signal.setitimer(signal.ITIMER_REAL, 0.05)

#% patched_worker (hangs): replaces the functions that the worker uses
import builtins, json, os, sys
json.dumps = lambda *_, **__: "GOT THROUGH"
os.write = lambda *_: 0
builtins.compile = None

#% tracer: leaves a tracing function behind
import sys
def trace(*_): raise RuntimeError("traced")
sys.settrace(trace)

#% at_exit: registers something for the end
import atexit, os
atexit.register(lambda: os.write(3, b"late"))

#% import_hook: leaves a hook that answers every import
import sys
class Hook:
    def find_spec(self, name, path=None, target=None): raise RuntimeError("hooked")
sys.meta_path.insert(0, Hook())
