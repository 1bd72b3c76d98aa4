"""Usage events of a tool, for its authors, if the author and the user both want them. Standard library only.

    from tracerd.telemetry import FileSink, TelemetryContext, policy_of

    telemetry = TelemetryContext(
        "mytool", "1.2.3", salt="mytool.telemetry.v1", sink=FileSink(path), policy=policy_of("mytool")
    )
    telemetry.record("command.invoke", {"command": "deploy", "outcome": "ok"})

Nothing is sent anywhere: an event goes to the sink that the author has chosen. docs/telemetry.md has the privacy rules.
"""

from tracerd.telemetry import consent
from tracerd.telemetry.consent import Consent, ConsentState
from tracerd.telemetry.context import TelemetryContext
from tracerd.telemetry.error import TelemetryError
from tracerd.telemetry.event import Event
from tracerd.telemetry.file_sink import FileSink
from tracerd.telemetry.machine_id import MachineId
from tracerd.telemetry.policy import CollectionPolicy, Decision, decide, policy_of
from tracerd.telemetry.sinks import DaemonSink, MemorySink, NoopSink, TelemetrySink

__all__ = [
    "CollectionPolicy",
    "Consent",
    "ConsentState",
    "DaemonSink",
    "Decision",
    "Event",
    "FileSink",
    "MachineId",
    "MemorySink",
    "NoopSink",
    "TelemetryContext",
    "TelemetryError",
    "TelemetrySink",
    "consent",
    "decide",
    "policy_of",
]
