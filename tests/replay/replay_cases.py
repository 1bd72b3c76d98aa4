"""Traces and what is wrong with them: each kind of finding, and its near misses, with which nothing is wrong.

A row is a name, the lines of a log, and the findings as `line kind`. The pure part is tested with these rows without
Perfetto, and the real Perfetto is asked whether it counts the same.
"""

from typing import Final

from tests.replay.arrow_cases import ARROWS
from tests.replay.lines import CLOCK, DAY, DEEP, ev, meta, run, x

Row = tuple[str, list[str], list[str]]

BEGIN_MARK = '{"ph":"M","name":"tracerd_begin","pid":1,"tid":1,"ts":1,"args":{"id":"0000000000000001","name":"x"}}'
BOOT_1 = CLOCK.format(m=5_000_000, r=1_795_317_493_000_000, b="1")

BOOT_900 = CLOCK.format(m=900_000_000, r=1_795_317_493_000_000, b="1")

ROWS: Final[list[Row]] = [
    # ---------------------------------------------------------------- spans that are complete
    ("nested X", [x(1, 9), x(2, 3), x(5, 5)], []),
    ("X in completion order", [x(2, 3), x(1, 9)], []),
    ("X that touch", [x(1, 4), x(5, 4)], []),
    ("X with one end", [x(1, 9), x(4, 6)], []),
    ("equal X", [x(1, 9), x(1, 9)], []),
    ("overlapping X", [x(1, 9), x(5, 9)], ["2 overlap"]),
    ("overlap of 10 ns, by rounding", [x("1.00", "4.01"), x("5.00", "4.00")], ["2 overlap"]),
    ("no overlap, with 3 decimals", [x("1.004", "3.996"), x("5.000", "4.00")], []),
    ("an overlap of less than 1 ns is none", [x("1.0000", "4.0004"), x("5.0000", "1")], []),
    ("overlap of texts", [x('"1"', '"9"'), x('"5"', '"9"')], ["2 overlap"]),
    ("overlap on two threads", [x(1, 9), x(5, 9, tid=2)], []),
    ("the later one is dropped, which the third then is not inside of", [x(1, 9), x(5, 9), x(11, 9)], ["2 overlap"]),
    ("overlap with the outermost", [x(1, 9), x(2, 3), x(4, 2)], ["3 overlap"]),
    ("X that overlaps by being late in the file", [x(5, 9), x(1, 9)], ["1 overlap"]),
    ("negative dur", [x(1, 9), x(20, -5)], ["2 negative-dur"]),
    ("dur 0", [x(1, 0), x(1, 0)], []),
    ("512 deep", DEEP[:512], []),
    ("513 deep", DEEP, ["513 too-deep"]),
    # ---------------------------------------------------------------- spans that begin and end
    ("B and E", [ev("B", 1), ev("E", 2)], []),
    ("E without name ends anything", [ev("B", 1), ev("E", 2, "")], []),
    ("E without B", [ev("E", 2)], ["1 end-without-begin"]),
    ("E of another name", [ev("B", 1), ev("E", 2, '"name":"b"')], ["1 never-ended", "2 end-without-begin"]),
    (
        "E of a cat that B lacks",
        [ev("B", 1), ev("E", 2, '"name":"a","cat":"c"')],
        ["1 never-ended", "2 end-without-begin"],
    ),
    ("E lacks the cat of B", [ev("B", 1, '"name":"a","cat":"c"'), ev("E", 2)], []),
    ("E on another thread", [ev("B", 1), ev("E", 2, tid=2)], ["1 never-ended", "2 end-without-begin"]),
    ("B never ended", [ev("B", 1)], ["1 never-ended"]),
    ("E before B in the file", [ev("E", 2), ev("B", 1)], []),
    ("B ended after the X it lies in", [x(1, 4), ev("B", 2), ev("E", 9)], ["2 misplaced-end", "3 end-without-begin"]),
    ("B ended at the end of the X it lies in", [x(1, 4), ev("B", 2), ev("E", 5)], []),
    (
        "two spans crossed",
        [ev("B", 1), ev("B", 2, '"name":"b"'), ev("E", 3), ev("E", 4, '"name":"b"')],
        ["2 misplaced-end", "4 end-without-begin"],
    ),
    ("X inside B", [ev("B", 1), x(2, 2), ev("E", 5)], []),
    ("zero-length B and E beside X", [x(1, 1), ev("B", 5), ev("E", 5)], ["2 zero-length"]),
    (
        "two zero-length pairs",
        [x(1, 1), ev("B", 5), ev("E", 5), ev("B", 5), ev("E", 5)],
        ["2 zero-length", "4 zero-length"],
    ),
    ("zero-length B and E without X", [ev("B", 5), ev("E", 5)], []),
    ("zero-length B and E before the first X, all in order", [ev("B", 5), ev("E", 5), x(6, 1)], []),
    ("a begin mark is no event that comes late", [ev("B", 5), ev("E", 5), BEGIN_MARK, x(6, 1)], []),
    (
        "zero-length B and E before the first X, and one late",
        [ev("B", 5), ev("E", 5), x(6, 1), x(1, 1)],
        ["1 zero-length"],
    ),
    # ---------------------------------------------------------------- times, pids, tids
    ("negative ts", [x(-1, 5)], ["1 negative-ts"]),
    ("ts 0", [x(0, 5)], []),
    ("metadata with a negative ts", [meta("process_name", ',"ts":-1,"args":{"name":"p"}')], ["1 negative-ts"]),
    ("ts past 292 years", [x("1e16", 5)], ["1 negative-ts", "1 time-range"]),
    ("tid past 32 bits", [x(1, 9, ',"tid":139637976727552')], ["1 id-range"]),
    ("the largest tid", [x(1, 9, ',"tid":4294967295')], []),
    (
        "two tids past 32 bits overlap",
        [x(1, 9, ',"tid":4294967296'), x(5, 9, ',"tid":4294967297')],
        ["1 id-range", "2 id-range", "2 overlap"],
    ),
    ("tid 0 is the main thread", [x(1, 9), x(5, 9, ',"tid":0')], ["2 overlap", "2 tid-zero"]),
    ("tid 0 alone", [x(1, 9, tid=0), x(20, 9, tid=2)], []),
    (
        "the name of a process on tid 0",
        ['{"ph":"M","pid":1,"tid":0,"name":"process_name","args":{"name":"p"}}', x(1, 9)],
        [],
    ),
    ("name of no process", ['{"ph":"M","name":"process_name","args":{"name":"p"}}', x(1, 1)], ["1 no-pid"]),
    ("no pid", ['{"ph":"X","name":"a","ts":0,"dur":5}', '{"ph":"C","ts":1,"args":{"v":3}}', x(1, 3)], ["1 no-pid"]),
    ("wall clock with decimals", [x("1795309634422624.000", 0.1), x("1795309634422624.300", 0.2)], ["2 coarse-time"]),
    (
        "spans that touch, by the wall clock with decimals",
        [x("1795309634422624.000", 0.3), x("1795309634422624.300", 0.3)],
        ["2 coarse-time", "2 overlap"],
    ),
    ("wall clock without decimals", [x("1795309634422624.000", 1), x(1795309634422625, 1)], []),
    ("a clock of 4.5 years, with decimals", [x("140737488355328.250", 1)], ["1 coarse-time"]),
    ("a clock of nearly 4.5 years, with decimals", [x("140737488355327.250", 1)], []),
    ("monotonic clock of a year, with decimals", [x("31536000000000.123", 1)], []),
    ("a pid used twice", [run(1, 9), run(100, 9)], ["2 pid-reused"]),
    ("a pid used twice, in the order of ends", [run(100, 9), run(1, 9)], ["1 pid-reused"]),
    ("two processes on a lane of the command", [run(at, 9).replace('"tid":1', '"tid":3') for at in (1, 100)], []),
    ("commands inside one another", [run(2, 3), run(1, 9)], []),
    ("a process that becomes another program", [x(1, 9, ',"cat":"process"'), run(10, 9)], []),
    ("negative pid", ['{"ph":"X","pid":-1,"ts":1,"dur":1}'], ["1 id-range"]),
    ("string tid", ['{"ph":"X","pid":1,"tid":"main","ts":1,"dur":1}'], ["1 string-id"]),
    (
        "string tids overlap",
        ['{"ph":"X","pid":1,"tid":"m","ts":1,"dur":3}', '{"ph":"X","pid":1,"tid":"m","ts":2,"dur":3}'],
        ["1 string-id", "2 overlap"],
    ),
    ("float tid", ['{"ph":"X","pid":1,"tid":1.0,"ts":1,"dur":3}', x(2, 3)], ["2 overlap"]),
    ("null pid is none", ['{"ph":"i","s":"p","pid":null,"ts":1}'], ["1 instant-without-pid"]),
    # ---------------------------------------------------------------- instants, counters, metadata, others
    ("instants", [ev("i", 1), ev("I", 1, '"s":"p"'), ev("R", 1, '"s":"g"')], []),
    ("instant of a thread without tid", ['{"ph":"i","pid":1,"ts":1}'], ["1 instant-without-tid"]),
    ("instant of all without tid", ['{"ph":"i","ts":1,"s":"g"}'], []),
    ("instant of a process without pid", ['{"ph":"i","ts":1,"tid":1,"s":"p"}'], ["1 instant-without-pid"]),
    ("instant of a process without tid", ['{"ph":"i","ts":1,"pid":1,"s":"p"}'], []),
    ("counter", [ev("C", 1, '"args":{"a":1,"b":"2.5","c":"0x1p3"}')], []),
    ("counter without args", [ev("C", 1)], ["1 counter-without-args"]),
    ("counter with an array as args", [ev("C", 1, '"args":[1]')], ["1 counter-without-args"]),
    ("counter with empty args", [ev("C", 1, '"args":{}')], ["1 empty-counter"]),
    ("counter with three bad values", [ev("C", 1, '"args":{"a":"x","b":true,"c":{},"d":1}')], ["1 counter-value"] * 3),
    ("counter with a bad value twice", [ev("C", 1, '"args":{"a":"x","a":"y"}')], ["1 counter-value"] * 2),
    ("counter with a null beside a number", [ev("C", 1, '"args":{"a":null,"b":1}')], ["1 null-value"]),
    ("counter of null", [ev("C", 1, '"args":{"a":null}')], ["1 left-out"]),
    ("names", [meta("process_name", ',"args":{"name":"p"}'), meta("thread_name", ',"args":{"name":"t"}')], []),
    ("empty name", [meta("process_name", ',"args":{"name":""}')], ["1 bad-name"]),
    ("name that is a number", [meta("thread_name", ',"args":{"name":7}')], ["1 bad-name"]),
    ("name without args", [meta("thread_name", "")], ["1 no-name"]),
    ("args without name", [meta("process_name", ',"args":{"other":"p"}')], ["1 no-name"]),
    ("other metadata without a name", [meta("process_labels", "")], []),
    ("phase of legacy async", [ev("S", 1, '"id":1')], ["1 ignored-phase"]),
    ("phase that nobody knows", [ev("?", 1)], ["1 ignored-phase"]),
    ("only the first letter of a phase counts", [ev("in", 1)], []),
    # ---------------------------------------------------------------- async
    ("async", [ev("b", 1, '"id":1'), ev("n", 2, '"id":1'), ev("e", 3, '"id":1')], []),
    (
        "async without id",
        [ev("b", 1), ev("n", 1), ev("e", 2)],
        ["1 async-without-id", "2 async-without-id", "3 async-without-id"],
    ),
    ("async without pid", ['{"ph":"b","ts":1,"id":1}'], ["1 async-without-id"]),
    ("async with a float id", [ev("n", 1, '"id":1.5')], ["1 async-without-id"]),
    ("async with id2", [ev("b", 1, '"id2":{"local":1}'), ev("e", 2, '"id2":{"local":1}')], []),
    ("async with an empty id2", [ev("n", 1, '"id2":{}')], ["1 async-without-id"]),
    ("e without b", [ev("e", 1, '"id":1')], ["1 end-without-begin"]),
    ("b never ended", [ev("b", 1, '"id":1')], ["1 never-ended"]),
    (
        "a text of id is no text of id2",
        [ev("b", 1, '"id":"1"'), ev("e", 2, '"id2":{"global":"1"}')],
        ["1 never-ended", "2 end-without-begin"],
    ),
    ("a number of id is one of id2", [ev("b", 1, '"id":1'), ev("e", 2, '"id2":{"global":1}')], []),
    ("a text is another id", [ev("b", 1, '"id":1'), ev("e", 2, '"id":"1"')], ["1 never-ended", "2 end-without-begin"]),
    (
        "another cat is another id",
        [ev("b", 1, '"id":1'), ev("e", 2, '"id":1,"cat":"c"')],
        ["1 never-ended", "2 end-without-begin"],
    ),
    (
        "async crossed",
        [
            ev("b", 1, '"name":"a","id":1'),
            ev("b", 2, '"name":"b","id":1'),
            ev("e", 3, '"name":"a","id":1'),
            ev("e", 4, '"name":"b","id":1'),
        ],
        ["2 misplaced-end", "4 end-without-begin"],
    ),
    (
        "async of two processes with one id",
        [ev("b", 1, '"id":1'), ev("b", 2, '"id":1', pid=2), ev("e", 3, '"id":1', pid=2), ev("e", 4, '"id":1')],
        ["2 async-collision"],
    ),
    (
        "async of two processes with one local id",
        [
            ev("b", 1, '"id2":{"local":1}'),
            ev("b", 2, '"id2":{"local":1}', pid=2),
            ev("e", 3, '"id2":{"local":1}'),
            ev("e", 4, '"id2":{"local":1}', pid=2),
        ],
        [],
    ),
    (
        "async that ends in another process",
        [ev("b", 1, '"id":1'), ev("e", 2, '"id":1', pid=2), ev("b", 3, '"id":1', pid=2), ev("e", 4, '"id":1')],
        [],
    ),
    *ARROWS,
    # ---------------------------------------------------------------- lines
    ("blank line", [x(1, 1), "", x(5, 1)], ["2 blank-line"]),
    ("not JSON", ["hello", x(1, 1)], ["1 not-json"]),
    ("no ph", ['{"ts":1}'], ["1 left-out"]),
    ("X without dur", ['{"ph":"X","ts":1,"pid":1}'], ["1 left-out"]),
    ("text as dur", [x(1, '"soon"')], ["1 left-out"]),
    ("sample of a CPU profile", [ev("P", 1)], ["1 left-out"]),
    ("bare nan", [ev("i", 1, '"args":{"v":nan}')], ["1 repaired"]),
    ("integer past 64 bits", [ev("i", 1, '"args":{"v":9223372036854775808}')], ["1 garbled-number"]),
    ("ts past 64 bits", [x("9223372036854775808000", 1)], ["1 time-range"]),
    ("dur with 19 decimals", [x(1, "0.9999999999999999999")], ["1 negative-dur", "1 time-range"]),
    ("dur with 18 decimals", [x(1, "0.999999999999999999")], []),
    ("the largest integer", [ev("i", 1, '"args":{"v":9223372036854775807,"w":-9223372036854775807}')], []),
    ("digits in a string", [ev("i", 1, '"args":{"v":"9223372036854775808"}')], []),
    ("19 decimals", [x(1, 1, ',"args":{"v":0.9999999999999999999}')], ["1 garbled-number"]),
    # ---------------------------------------------------------------- clocks
    ("two processes with one clock", [BOOT_1, ev("i", 5_000_100), ev("i", 5_000_200, pid=2)], []),
    (
        "a process with the wall clock",
        [BOOT_1, ev("i", 5_000_100), ev("i", 5_000_100, pid=3), ev("i", 1_795_317_493_000_500, pid=2)],
        ["4 clocks"],
    ),
    ("a process days later", [BOOT_1, ev("i", 5_000_100), ev("i", 5_000_100 + 3 * DAY, pid=2)], []),
    (
        "a process days later, without a clock line",
        [ev("i", 5_000_100), ev("i", 5_000_200, pid=3), ev("i", 5_000_100 + 3 * DAY, pid=2)],
        ["3 clocks"],
    ),
    (
        "a process before the machine started",
        [
            CLOCK.format(m=30 * DAY, r=1_795_317_493_000_000, b="1"),
            ev("i", 30 * DAY),
            ev("i", 30 * DAY, pid=2),
            ev("i", 0, pid=3),
        ],
        ["4 clocks"],
    ),
    ("nanoseconds", [BOOT_900, x(900_001_000_000, 5)], ["2 units"]),
    ("nanoseconds beside microseconds", [BOOT_900, ev("i", 900_001_000_000), ev("i", 900_002_000, pid=2)], ["2 units"]),
    ("ten days later", [BOOT_900, ev("i", 900_000_000), ev("i", 900_001_000_000, pid=2)], []),
    ("nanoseconds without a clock line", [x(900_001_000_000, 5)], []),
    ("two daemons", [BOOT_1, ev("i", 5_000_100), CLOCK.format(m=9_000_000, r=1_795_317_497_000_000, b="1")], []),
    ("two boots", [BOOT_1, ev("i", 5_000_100), CLOCK.format(m=1_000_000, r=1_795_317_999_000_000, b="2")], ["3 boots"]),
]
