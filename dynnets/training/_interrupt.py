"""Ctrl-C during a run: finish the chunk, keep what was learned, then say where it is."""

import contextlib
import signal
import threading


class FitInterrupted(KeyboardInterrupt):
    """Ctrl-C stopped `fit`.

    The message says at which step and where the checkpoint is; `result` is the `FitResult` so
    far.
    """

    def __init__(self, message: str, result):
        super().__init__(message)
        self.result = result


class Interrupt:
    """Whether Ctrl-C was pressed."""

    def __init__(self):
        self.pressed = False


@contextlib.contextmanager
def caught_interrupt():
    """Note the first Ctrl-C instead of raising it; the second one raises at once.

    Buffers are donated while a chunk runs, so an exception there would lose the state. Does
    nothing outside the main thread or where the program handles the signal itself.
    """
    interrupt = Interrupt()
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupt
        return

    def note(signum, frame):
        if interrupt.pressed:
            raise KeyboardInterrupt
        interrupt.pressed = True

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
