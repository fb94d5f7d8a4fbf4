# SPDX-License-Identifier: Apache-2.0
"""The processes of a server that is measured."""


def processes_of(pid):
    """The process and all its descendants."""
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                waiting += [int(child) for child in file.read().split()]
        except FileNotFoundError:
            pass
    return found
