"""The rows of `replay_cases` that have arrows."""

from typing import Final

from tests.replay.lines import ev, x

ARROWS: Final[list[tuple[str, list[str], list[str]]]] = [
    ("arrow", [x(1, 9), ev("s", 2, '"id":1'), x(20, 9), ev("f", 21, '"id":1,"bp":"e"')], []),
    ("arrow to the next span", [x(1, 9), ev("s", 2, '"id":1'), ev("f", 15, '"id":1'), x(20, 9)], []),
    (
        "arrow with steps",
        [x(1, 9), ev("s", 2, '"id":1'), ev("t", 3, '"id":"0x1"'), ev("f", 4, '"id":"1","bp":"e"')],
        [],
    ),
    ("arrow without id", [x(1, 9), ev("s", 2)], ["2 flow-id"]),
    (
        "arrow with a bad id",
        [x(1, 9), ev("s", 2, '"id":"5b1e-77"'), ev("f", 3, '"id":"node"'), ev("t", 3, '"id":""')],
        ["2 flow-id", "3 flow-id", "4 flow-id"],
    ),
    ("arrow without a span", [ev("s", 2, '"id":1')], ["1 flow-without-slice"]),
    ("arrow before the span", [ev("s", 2, '"id":1'), ev("B", 2), ev("E", 3)], ["1 flow-without-slice"]),
    ("arrow at the start of X", [ev("s", 2, '"id":1'), x(2, 5), ev("t", 3, '"id":1')], []),
    ("arrow after the end of the last span", [x(1, 2), ev("s", 9, '"id":1'), ev("t", 10, '"id":1')], []),
    (
        "arrow that starts twice",
        [x(1, 9), ev("s", 2, '"id":1'), ev("s", 3, '"id":"1"')],
        ["2 flow-not-ended", "3 flow-duplicate"],
    ),
    (
        "arrows of two names",
        [x(1, 9), ev("s", 2, '"id":1,"name":"a"'), ev("s", 3, '"id":1,"name":"b"')],
        ["2 flow-not-ended", "3 flow-not-ended"],
    ),
    (
        "ids past 64 bits are all one",
        [
            x(1, 9),
            ev("s", 2, '"id":"4bf92f3577b34da6a3ce929d0e0e4736"'),
            ev("s", 3, '"id":"0af7651916cd43dd8448eb211c80319c"'),
        ],
        ["2 flow-not-ended", "3 flow-duplicate"],
    ),
    (
        "arrow that ends before it starts",
        [x(1, 2), ev("f", 3, '"id":1'), x(4, 9), ev("s", 5, '"id":1')],
        ["2 flow-without-start", "4 flow-duplicate"],
    ),
    (
        "arrow that never starts",
        [x(1, 9), ev("f", 3, '"id":1,"bp":"e"'), ev("t", 3, '"id":2')],
        ["2 flow-without-start", "3 flow-without-start"],
    ),
    ("arrow that never arrives", [x(1, 9), ev("s", 2, '"id":1'), ev("f", 3, '"id":1')], ["3 flow-without-end"]),
    (
        "arrow whose end has another cat",
        [x(1, 9), ev("s", 2, '"id":1'), ev("f", 3, '"id":1,"bp":"e","cat":"c"')],
        ["2 flow-not-ended", "3 flow-without-start"],
    ),
    ("bind_id", [x(1, 9, ',"bind_id":"0x5","flow_out":true'), x(20, 9, ',"bind_id":5,"flow_in":true')], []),
    ("bind_id without direction", [x(1, 9, ',"bind_id":5')], ["1 flow-direction"]),
    ("bind_id with false directions", [x(1, 9, ',"bind_id":5,"flow_in":false')], ["1 flow-direction"]),
    ("bind_id that is no number", [x(1, 9, ',"bind_id":"node","flow_out":true')], ["1 bind-id"]),
    (
        "bind_id starts twice",
        [x(1, 9, ',"bind_id":5,"flow_out":true'), x(20, 9, ',"bind_id":5,"flow_out":true')],
        ["1 flow-not-ended", "2 flow-duplicate"],
    ),
    (
        "bind_id meets the number that Perfetto gave an arrow",
        [x(1, 9), ev("s", 2, '"id":77'), x(20, 9, ',"bind_id":0,"flow_out":true')],
        ["2 flow-not-ended", "3 flow-duplicate"],
    ),
    (
        "bind_id of a dropped span",
        [x(1, 9), x(5, 9, ',"bind_id":5,"flow_out":true')],
        ["2 flow-not-ended", "2 overlap"],
    ),
]
