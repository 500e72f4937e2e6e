"""Requests to other servers reach public addresses only, whatever is written, resolved or answered (case S10)."""

import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from apps.core import outbound
from apps.core.outbound import OutboundError, is_public, post, target_of
from tests.alerts.conftest import Receiver, receiver, serve  # noqa: F401  (a fixture)

NOT_PUBLIC = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",  # noqa: S104
    "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2001:10::1",
    "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1", "fd00:ec2::254",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450:4007::200e"]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_known(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_one_too(address):
    assert is_public(address)


def literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_address_that_is_not_public_is_asked_for_by_itself(address, no_connections):
    with pytest.raises(OutboundError) as refused:
        post(f"http://{literal(address)}/latest/meta-data/", b"{}", {})

    assert refused.value.is_final
    assert no_connections == []


ODD = [
    "http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://127.1/",
    "http://127.0.1/", "http://0/", "http://0x/", "http://3232235777/", "http://134744072/", "http://1.0x7f/", "http://127.0.0.1.:80/",
    "http://127.0.0.1../", "http://[::1]:80/", "http://[0:0:0:0:0:ffff:7f00:1]/", "http://[::ffff:7f00:1]/", "http://[fe80::1%25lo]/",
    "http://\uff11\uff12\uff17.0.0.1/", "http://127\u30020\u30020\u30021/", "http://\u24dbocalhost/", "http://ex\u00e4mple.org/", "http://a@127.0.0.1/",
    "http://example.org@127.0.0.1/", "http://127.0.0.1#@example.org/", "http://example.org\\@127.0.0.1/", "http://127.0.0.1\\.example.org/",
    "http://exa mple.org/", "http://example.org/\r\nX: y", "http://example.org/\n", "http://\texample.org/", "ftp://example.org/",
    "file:///etc/passwd", "gopher://127.0.0.1/", "javascript:alert(1)", "//example.org/", "example.org", "", "http://", "http:///x",
    "https://:443/", "http://example.org:22/", "http://example.org:6379/", "http://example.org:0/", "http://example.org:99999/",
    "http://example.org:-1/", "http://example.org:8o/", "http://[::1/", "http://-a.example.org/", "http://a..example.org/",
    "http://" + "a" * 64 + ".org/", "http://example.org/" + "a" * 2_000, "http://*.example.org/", "http://ex\x00ample.org/",
]  # fmt: skip


@pytest.mark.parametrize("url", ODD)
def test_nor_is_what_readers_take_differently(url, no_connections):
    with pytest.raises(OutboundError) as refused:
        post(url, b"{}", {})

    assert refused.value.is_final
    assert url.strip("/") not in str(refused.value) or not url.strip("/")
    assert no_connections == []


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://hooks.slack.com/services/a?b=c#d", "hooks.slack.com", 443, "/services/a?b=c"),
        ("HTTP://Example.ORG.", "example.org", 80, "/"),
        ("https://example.org:8443/x", "example.org", 8443, "/x"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/"),
        ("https://[2606:4700:4700::1111]:443/", "2606:4700:4700::1111", 443, "/"),
        ("https://xn--exmple-cua.org/", "xn--exmple-cua.org", 443, "/"),
    ],
)
def test_what_is_well_written_is_read(url, host, port, path):
    target = target_of(url)

    assert (target.host, target.port, target.path) == (host, port, path)
    assert path == "/" or path not in repr(target)


@pytest.fixture
def no_connections(monkeypatch):
    """Note each address that a connection is made to, and make none."""
    made: list[str] = []

    def note(place, **_more):
        made.append(place[0])
        raise OSError

    monkeypatch.setattr(socket, "create_connection", note)
    return made


def resolving(monkeypatch, *answers):
    """Have the resolver give these answers, one after the other; return how often it was asked."""
    asked, real = [], socket.getaddrinfo

    def resolve(host, port, *more, **named):
        if host[0].isdigit():  # an address, as it is connected to
            return real(host, port, *more, **named)
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["::ffff:169.254.169.254"], ["2606:4700::1", "fd00::1"], ["fe80::1%eth0"]],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused_whatever_else_it_leads_to(addresses, monkeypatch, no_connections):
    resolving(monkeypatch, addresses)

    with pytest.raises(OutboundError, match="private network") as refused:
        post("https://evil.example/x", b"{}", {})

    assert refused.value.is_final
    assert no_connections == []


def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_says_next(monkeypatch, no_connections):
    asked = resolving(monkeypatch, ["93.184.216.34", "93.184.216.35"], ["127.0.0.1"])

    with pytest.raises(OutboundError, match="No connection") as refused:
        post("http://rebinding.example/x", b"{}", {})

    assert not refused.value.is_final
    assert asked == ["rebinding.example"]
    assert no_connections == ["93.184.216.34", "93.184.216.35"]


def test_the_next_message_is_checked_anew(monkeypatch, no_connections):
    resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    with pytest.raises(OutboundError, match="No connection"):
        post("http://rebinding.example/x", b"{}", {})

    with pytest.raises(OutboundError, match="private network"):
        post("http://rebinding.example/x", b"{}", {})

    assert no_connections == ["93.184.216.34"]


def test_a_server_that_the_operator_allows_is_asked_on_its_port_alone(receiver, settings):  # noqa: F811
    assert post(receiver.url("/a?b=c"), b'{"x":1}', {"X-Own": "1"}).status == 200

    (got,) = receiver.posts
    assert (got.path, got.body, got.headers["host"]) == ("/a?b=c", b'{"x":1}', f"127.0.0.1:{receiver.port}")
    assert (got.headers["x-own"], got.headers["user-agent"]) == ("1", "mlplatform")
    for entries in (
        [],
        ["127.0.0.1"],
        ["127.0.0.1:80"],
        ["localhost"],
        [f"127.0.0.2:{receiver.port}"],
        [f"x127.0.0.1:{receiver.port}"],
    ):
        settings.OUTBOUND_ALLOW_HOSTS = entries
        with pytest.raises(OutboundError):
            post(receiver.url(), b"{}", {})
    assert len(receiver.posts) == 1


def test_a_redirect_is_not_followed_and_no_proxy_is_asked(receiver, monkeypatch):  # noqa: F811
    receiver.statuses, receiver.headers = [307], {"Location": receiver.url("/elsewhere")}
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert post(receiver.url(), b"{}", {}).status == 307

    assert [got.path for got in receiver.posts] == ["/services/T0/zq-url-secret"]


def test_how_long_a_server_asks_to_wait_is_heard(receiver):  # noqa: F811
    receiver.statuses, receiver.headers = [429], {"Retry-After": "120"}
    assert post(receiver.url(), b"{}", {}).retry_after == 120
    receiver.headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert post(receiver.url(), b"{}", {}).retry_after is None


def raw_server(says) -> tuple[int, socket.socket]:
    """Listen, and do with each connection what `says` does."""
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=says, args=(line,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1], server


def dripping(line: socket.socket) -> None:
    """Send a byte now and then, for ever."""
    try:
        line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            line.sendall(b"a")
            time.sleep(0.05)
    except OSError:
        line.close()


def flooding(line: socket.socket) -> None:
    """Send a body without an end, at once."""
    try:
        line.recv(65_536)
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            line.sendall(b"a" * 65_536)
    except OSError:
        line.close()


@pytest.mark.parametrize(("says", "scheme"), [(dripping, "http"), (dripping, "https"), (lambda _line: None, "http")])
def test_a_server_that_never_ends_is_cut_off(says, scheme, settings, monkeypatch):
    port, server = raw_server(says)
    settings.OUTBOUND_ALLOW_HOSTS = [f"127.0.0.1:{port}"]
    monkeypatch.setattr(outbound, "SECONDS", 0.4)
    began = time.monotonic()

    with server, pytest.raises(OutboundError) as failed:
        post(f"{scheme}://127.0.0.1:{port}/", b"{}", {})

    assert time.monotonic() - began < 2
    assert not failed.value.is_final


def test_no_more_than_a_portion_of_an_answer_is_read(settings):
    port, server = raw_server(flooding)
    settings.OUTBOUND_ALLOW_HOSTS = [f"127.0.0.1:{port}"]

    with server:
        assert post(f"http://127.0.0.1:{port}/", b"{}", {}).status == 200


def test_what_is_no_http_is_a_failure_and_tells_nothing_of_what_was_said(settings):
    port, server = raw_server(lambda line: (line.recv(65_536), line.sendall(b"-ERR zq-answered\r\n"), line.close()))
    settings.OUTBOUND_ALLOW_HOSTS = [f"127.0.0.1:{port}"]

    with server, pytest.raises(OutboundError) as failed:
        post(f"http://127.0.0.1:{port}/", b"{}", {})

    assert "zq-answered" not in str(failed.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """Return a certificate for `mattermost.internal`, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", "/CN=mattermost.internal", "-addext", "subjectAltName=DNS:mattermost.internal"]
    command += ["-keyout", str(folder / "both.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "both.pem").read_text() + (folder / "cert.pem").read_text())
    return folder


@pytest.mark.parametrize(
    ("name", "is_trusted", "fault"),
    [
        ("mattermost.internal", True, ""),
        ("other.internal", True, "certificate"),
        ("mattermost.internal", False, "certificate"),
    ],
)
def test_the_certificate_is_that_of_the_name_though_an_address_is_connected_to(
    name, is_trusted, fault, certificate, settings, monkeypatch
):
    taken, told = Receiver(), []
    taken.gate.set()
    server = serve(taken)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "both.pem")
    context.sni_callback = lambda _line, asked, _context: told.append(asked)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    settings.OUTBOUND_ALLOW_HOSTS = [f"{name}:{taken.port}"]
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    resolving(monkeypatch, ["127.0.0.1"])

    try:
        if fault:
            with pytest.raises(OutboundError, match=fault):
                post(f"https://{name}:{taken.port}/x", b"{}", {})
        else:
            assert post(f"https://{name}:{taken.port}/x", b"{}", {}).status == 200
    finally:
        server.shutdown()
        server.server_close()

    assert told[0] == name
    assert len(taken.posts) == (0 if fault else 1)
