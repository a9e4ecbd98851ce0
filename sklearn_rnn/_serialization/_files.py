"""Reading a file whole, and writing one whole or not at all."""

import contextlib
import os
import secrets
import stat


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a regular file."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is no regular file.")
    with open(path, "rb") as file:
        return file.read()


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file under another name in its folder, then give it its own.

    Whoever reads it meanwhile, or after a crash, finds the old file or the new one.
    """
    folder, name = os.path.split(os.path.abspath(path))
    os.stat(folder)  # an error about a folder that is not there names it
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Let the new name survive a loss of power, where folders can be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
