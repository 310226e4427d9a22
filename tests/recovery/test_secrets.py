"""Secrets rest nowhere in clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdfast.adapters.files.outputs import FileOutputs
from holdfast.adapters.http.transport import Httpx2Transport
from holdfast.adapters.sealing.fernet import FernetSealer
from holdfast.contract import ActionDefinition
from holdfast.drivers.perform import Limits, Performer
from holdfast.ports.rows import RunState
from holdfast.testing import FaultApi
from tests.planted import ACCESS_TOKEN, MARK, REFRESH_TOKEN
from tests.recovery.bench import Bench, action, definition, frozen

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = {
    "credentials": {"c": {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "expired_at_start": True}},
    "routes": [
        {
            "name": "pay",
            "method": "POST",
            "path": "/pay",
            "credential": "c",
            "body": {"id": "p1", "echo": "{body.note}"},
        }
    ],
}


@pytest.mark.anyio
async def test_planted_tokens_are_nowhere_in_the_database_the_events_and_the_files(tmp_path: Path) -> None:
    """After an expiry and a refresh over real sockets, no token stands in a row, an event, a trace, an output or a file in clear."""
    with FaultApi(SCENARIO) as api:
        pay = definition("pay", credential="CRM").to_wire()
        renew = definition("renew", refreshes="CRM").to_wire()
        pay["endpoint"] = {**pay["endpoint"], "url": f"{api.url}/pay"}
        renew["endpoint"] = {**renew["endpoint"], "url": f"{api.url}/oauth/token"}
        renew["authentication"] = {
            "type": "api_key",
            "header": "X-Refresh-Token",
            "value": "CRM_REFRESH",
            "valueFrom": "env",
        }
        bench = Bench()
        sealer = FernetSealer(key="a key of some length", key_file=None)
        transport = Httpx2Transport(connect_timeout_s=2, pool_connections_max=4, redirects_max=1)
        bench.worker._performer = Performer(
            transport=transport,
            functions={},
            environ={"CRM": ACCESS_TOKEN, "CRM_REFRESH": REFRESH_TOKEN},
            outputs=FileOutputs(tmp_path),
            sealer=sealer,
            clock=bench.clock,
            limits=Limits(inline_output_max_bytes=1),
        )
        made = [ActionDefinition.from_wire(pay), ActionDefinition.from_wire(renew)]
        bench.start(frozen([action("pay", inputs={"note": "n"})], made))
        while (step := bench.steps.take("w")) is not None:
            await bench.worker.perform(step)
        await transport.close()

    fresh = sealer.open(bench.read(lambda snapshot: snapshot.credential("CRM")).sealed)
    dump = "\n".join(bench.store._connection.connection.iterdump()) + "".join(
        one.read_text()
        for one in tmp_path.rglob("*")  # noqa: ASYNC240 - a test may wait for its disk
        if one.is_file()
    )
    assert RunState.COMPLETED is bench.ended()
    assert fresh.startswith(MARK)
    assert [] == [secret for secret in (ACCESS_TOKEN, REFRESH_TOKEN, fresh) if secret in dump]
