"""What servers of OpenTelemetry's protocol answer."""

import msgspec

from tracerd.otlp.values import fields


def response_of(signal: str, body: bytes, *, is_protobuf: bool) -> dict[str, object]:
    """A response as OpenTelemetry's JSON; empty if it is none."""
    try:
        if is_protobuf:
            from tracerd.otlp.protobuf import decoded, response_type

            return decoded(response_type(signal), body)
        return fields(msgspec.json.decode(body))
    except (ImportError, ValueError, RecursionError, msgspec.DecodeError):
        return {}
