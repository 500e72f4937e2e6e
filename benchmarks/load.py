"""A small closed-loop HTTP/1.1 load generator: fixed request bytes over keep-alive connections, in its own process."""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

OK = b"HTTP/1.1 200"


@dataclass(frozen=True)
class Load:
    """What one run saw."""

    connections: int
    requests: int
    errors: int
    per_second: float
    p50_ms: float
    p99_ms: float


async def _one_connection(host: str, port: int, request: bytes, until: float, times: list[float]) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    errors = 0
    while time.perf_counter() < until:
        start = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await _body(reader, head)
        times.append(time.perf_counter() - start)
        errors += not head.startswith(OK)
    writer.close()
    return errors


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    lower = head.lower()
    if b"content-length:" in lower:
        await reader.readexactly(int(lower.split(b"content-length:")[1].split(b"\r\n")[0]))
        return
    while (size := int(await reader.readline(), 16)) > 0:
        await reader.readexactly(size + 2)
    await reader.readline()


async def run(url: str, body: bytes, headers: dict[str, str], connections: int, seconds: float) -> Load:
    """Load `url` with the same POST from `connections` connections for `seconds`."""
    parts = urlsplit(url)
    head = {"Host": parts.netloc, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    request = f"POST {parts.path} HTTP/1.1\r\n{lines}\r\n".encode() + body
    times: list[float] = []
    start = time.perf_counter()
    work = [
        _one_connection(str(parts.hostname), int(parts.port or 80), request, start + seconds, times)
        for _ in range(connections)
    ]
    errors = sum(await asyncio.gather(*work))
    elapsed, times = time.perf_counter() - start, sorted(times)
    middle, high = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
    return Load(connections, len(times), errors, len(times) / elapsed, middle * 1e3, high * 1e3)


def main() -> None:
    """Read the job as JSON from a file, print what was seen as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    job = json.loads(parser.parse_args().job.read_text())
    seen = asyncio.run(run(job["url"], job["body"].encode(), job["headers"], job["connections"], job["seconds"]))
    json.dump(asdict(seen), sys.stdout)


if __name__ == "__main__":
    main()
