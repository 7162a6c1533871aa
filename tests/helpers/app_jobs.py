"""Long work for tests, which another process imports."""

import os
import time
import warnings


class UnusualError(Exception):
    pass


def add(report, first, second):
    report(None, "adding")
    return first + second


def warn(report):
    warnings.warn("rows are\nfew", stacklevel=1)
    print("to standard output")


def refuse(report, text):
    raise ValueError(text)


def fail(report):
    raise UnusualError("this")


def crash(report):
    os._exit(1)


def wait_and_report(report):
    for step in range(100_000):
        report(step / 100_000, f"step {step}")
        time.sleep(0.01)


def wait_in_one_piece(report):
    report(None, "asleep")
    time.sleep(1000)


def process_id(report):
    return os.getpid()


def unpicklable(report):
    return lambda: None
