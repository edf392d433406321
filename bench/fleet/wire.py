"""`python -m bench.fleet.wire PORT TO_PORT`: a network of 127.0.0.1 that can be cut.

It hands on what comes to PORT. A line with a number on its standard input cuts it for so many seconds:
nothing passes, and at the end every connection that was there is gone, with all that was on its way. It ends
when its standard input ends.
"""

import asyncio
import os
import sys

_PIECE_BYTES = 64 * 1024


class Wire:
    """The connections that pass, and whether anything does."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._whole = asyncio.Event()
        self._whole.set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand on one connection, both ways, until it ends."""
        try:
            there, to_there = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, to_there}
        await asyncio.gather(self._hand_on(reader, to_there), self._hand_on(there, writer))
        self._writers -= {writer, to_there}

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_PIECE_BYTES):
                await self._whole.wait()
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass  # the one or the other end is gone
        writer.close()

    async def cut(self, seconds: float) -> None:
        self._whole.clear()
        await asyncio.sleep(seconds)
        for writer in list(self._writers):
            writer.transport.abort()
        self._whole.set()


async def main(port: int, to_port: int) -> None:
    wire = Wire(to_port)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(0)
    )
    async with await asyncio.start_server(wire.connect, "127.0.0.1", port):
        while line := await lines.readline():
            await wire.cut(float(line))


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
