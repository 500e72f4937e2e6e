"""From the request to the message, through a real broker and real workers."""

from pathlib import Path

import pytest

from tests.alerts.conftest import Receiver, serve
from tests.journeys.running import RunningPlatform, wait_for
from tests.journeys.tables import as_csv, invoices
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_test_and_a_failed_training_reach_a_channel(tmp_path: Path):
    receiver = Receiver()
    receiver.gate.set()
    server = serve(receiver)
    platform = RunningPlatform(tmp_path, OUTBOUND_ALLOW_HOSTS=f"127.0.0.1:{receiver.port}", TRAINING_TIME_SECONDS="0")
    try:
        visitor = Visitor(platform.start())
        asked = {"workspace": visitor.workspace, "kind": "slack", "name": "Ops", "address": receiver.url()}
        channel = visitor.post("channels/", asked)["id"]

        visitor.post(f"channels/{channel}/test/")
        wait_for(lambda: receiver.posts, seconds=40, what="the test")
        sent = wait_for(
            lambda: visitor.get(f"channels/{channel}/")["last_delivery"]["status"] == "sent", seconds=10, what="its note"
        )
        data = visitor.upload(as_csv(invoices(100)))["id"]
        visitor.post(f"models/{visitor.model('Late payers')}/train/", {"dataset": data})
        wait_for(lambda: len(receiver.posts) == 2, seconds=90, what="the alert")
        (alert,) = visitor.get("alerts/?acknowledged=false")["results"]
    finally:
        platform.end()
        server.shutdown()
        server.server_close()

    assert sent
    assert "This is a test." in receiver.posts[0].body.decode()
    assert alert["title"] == "The training of Late payers failed."
    assert alert["title"] in receiver.posts[1].body.decode()
    logs = "".join(path.read_text(errors="replace") for path in (platform.var / "logs").glob("*.log"))
    assert "zq-url-secret" not in logs
