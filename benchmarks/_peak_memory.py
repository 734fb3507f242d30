"""The largest memory of a process during a block."""

from threading import Event, Thread

import psutil


class Peak(Thread):
    """Watches the memory of this process, in a `with` block.

    "resident" is all of it. "anonymous" leaves out pages of files, which the system drops when
    memory is short.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self._ended = Event()
        self._process = psutil.Process()
        self.resident = self.anonymous = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join()

    def run(self):
        while not self._ended.wait(0.005):
            memory = self._process.memory_info()
            self.resident = max(self.resident, memory.rss)
            self.anonymous = max(self.anonymous, memory.rss - memory.shared)
