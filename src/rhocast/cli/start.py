"""Where the program begins: it listens to signals before it imports anything that takes time."""

import os
import signal


def main() -> int:
    """Run one verb and return the exit code; a signal ends it in one sentence from here on."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    from rhocast.cli.main import main as run

    return run()


def _end(number: int, _: object) -> None:
    """End the process at once: nothing has begun, or all is done; `ending` handles what is between.

    An exception would not do: libraries that are being imported make other errors of it.
    """
    name = signal.Signals(number).name
    os.write(2, f"rhocast: ended by {name}; no half-written file is left\n".encode())
    os._exit(128 + number)
