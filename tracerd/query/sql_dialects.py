"""What DuckDB and ClickHouse write differently."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from tracerd.query.kinds import BOOL, FLOAT, INT, JSON, TEXT
from tracerd.query.sql_fragments import Sql, Value, call, case, constant, every, sql

_MIN_US, _MAX_US = -62135596800_000_000, 253402300799_999_999
"""The years 1 to 9999."""
_CLICKHOUSE_MIN_US, _CLICKHOUSE_MAX_US = -2208988800_000_000, 10413791999_999_999
"""The years 1900 to 2299."""

_PARTS: Final = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}


class Dialect(Protocol):
    """The SQL of an engine.

    Attributes:
        name: What it is called.
        text_type: The type of texts.
        int_type: The type of integers of 64 bits.
        float_type: The type of doubles.
        wide: An integer as one of 128 bits.
        narrow: An integer of 128 bits as one of 64, if it is one.
        finite: Whether a double is finite.
        remainder: The remainder of two doubles; None if there is none that is exact.
        match: Whether a text matches a regular expression.
        float_sum: The sum of doubles.
        nullable: A value that may be null, as far as the engine knows.
        known: A condition that is false instead of null.
    """

    name: str
    text_type: str
    int_type: str
    float_type: str
    wide: str
    narrow: str
    finite: str
    remainder: str | None
    match: str
    float_sum: str
    nullable: str
    known: str

    def text(self, value: str) -> Sql:
        """A text."""
        ...

    def quantile(self, value: Sql, tenths: int) -> Sql:
        """A percentile of doubles."""
        ...

    def mixed_order(self, operator: str, a: Sql, b: Sql, *, is_int_first: bool) -> Sql:
        """`a < b`, `a <= b` or `a = b` of an integer and a double, exactly."""
        ...

    def float_text(self, value: Sql) -> Sql:
        """A double as JSON has it, `1e+16` and `5.0`."""
        ...

    def part_of_time(self, time: Sql, grain: str | int) -> Sql:
        """The name of a part of time; null if no calendar has it."""
        ...

    def at_path(self, args: Sql, path: Sequence[str], step: Callable[[Sql], Sql]) -> Value:
        """A value in args."""
        ...


def _whole(time: Sql, grain: str | int) -> Sql:
    """The begin of the part of so many seconds in which a time lies; of another part any time in it."""
    if not isinstance(grain, int):
        return time
    width = constant(str(grain * 1_000_000))
    return sql("{0} - (({0} % {1}) + {1}) % {1}", time, width)


def _paths(path: Sequence[str]) -> list[tuple[str, ...]]:
    """Where a value may be: the longest key first; each later one counts if none before it is there."""
    return [(*path[:depth], ".".join(path[depth:])) for depth in range(len(path))]


class DuckDB:
    """The SQL of DuckDB."""

    name = "duckdb"
    text_type, int_type, float_type = "VARCHAR", "BIGINT", "DOUBLE"
    wide = "CAST({} AS HUGEINT)"
    narrow = "TRY_CAST({} AS BIGINT)"
    finite = "isfinite({})"
    remainder: str | None = "{} % {}"
    match = "regexp_matches({}, {})"
    float_sum = "fsum({})"
    nullable = "{}"
    known = "COALESCE({}, FALSE)"

    def text(self, value: str) -> Sql:
        """A text; what cannot be printed by its number."""
        pieces: list[str] = []
        for char in value:
            if not char.isprintable():
                pieces.append(f"chr({ord(char)})")
            elif pieces and pieces[-1].startswith("'"):
                pieces[-1] += char.replace("'", "''")
            else:
                pieces.append("'" + char.replace("'", "''"))
        closed = [piece + "'" if piece.startswith("'") else piece for piece in pieces] or ["''"]
        return constant(closed[0] if len(closed) == 1 else f"concat({', '.join(closed)})")

    def quantile(self, value: Sql, tenths: int) -> Sql:
        """A percentile of doubles."""
        return call(f"quantile_cont({{}}, {tenths / 1000})", value)

    def mixed_order(self, operator: str, a: Sql, b: Sql, *, is_int_first: bool) -> Sql:
        """It would round the integer, so the double becomes an integer, or lies beyond all of them."""
        number, double = (a, b) if is_int_first else (b, a)
        if operator == "=":
            return every([sql("{} = trunc({})", double, double), sql("TRY_CAST({} AS BIGINT) = {}", double, number)])
        up = (operator == "<") == is_int_first
        whole = call(f"TRY_CAST({'ceil' if up else 'floor'}({{}}) AS BIGINT)", double)
        inside = sql(f"{{}} {operator} {{}}", *((number, whole) if is_int_first else (whole, number)))
        beyond = sql(f"{{}} IS NOT NULL AND {{}} {'>' if is_int_first else '<'} 0", number, double)
        return call("COALESCE({}, {})", inside, beyond)

    def float_text(self, value: Sql) -> Sql:
        """DuckDB writes doubles as Python does."""
        return call("CAST({} AS VARCHAR)", value)

    def part_of_time(self, time: Sql, grain: str | int) -> Sql:
        """The name of a part of time."""
        whole = _whole(time, grain)
        moment = call("make_timestamp({})", whole)
        if grain == "quarter":
            name = call("concat(strftime({}, '%Y-Q'), quarter({}))", moment, moment)
        else:
            form = _PARTS[grain] if isinstance(grain, str) else "%Y-%m-%dT%H:%M:%SZ"
            name = call(f"strftime({{}}, '{form}')", moment)
        return case(sql(f"{{}} BETWEEN {_MIN_US} AND {_MAX_US}", whole), name)

    def at_path(self, args: Sql, path: Sequence[str], step: Callable[[Sql], Sql]) -> Value:
        """A value in args, by JSON pointers; those would count in arrays, too, so what they go through is checked."""
        places = _paths(path)
        found = [step(self._at(args, place)) for place in places]
        value = found[0] if len(found) == 1 else step(call(f"COALESCE({', '.join(['{}'] * len(found))})", *found))
        type_ = step(call("json_type({})", value))
        number = call("TRY_CAST({} AS BIGINT)", value)
        is_int = sql("{} IN ('BIGINT', 'UBIGINT')", type_)
        parts = {
            BOOL: case(sql("{} = 'BOOLEAN'", type_), call("CAST({} AS BOOLEAN)", value)),
            INT: case(is_int, number),
            FLOAT: case(
                sql("({0} = 'DOUBLE' OR {0} = 'UBIGINT' AND {1} IS NULL)", type_, number),
                call("CAST({} AS DOUBLE)", value),
            ),
            TEXT: case(sql("{} = 'VARCHAR'", type_), sql("{} ->> '$'", value)),
            JSON: case(sql("{} IN ('OBJECT', 'ARRAY')", type_), call("CAST({} AS VARCHAR)", value)),
        }  # fmt: skip
        return Value(parts, null=sql("COALESCE({}, 'NULL') = 'NULL'", type_))

    def _at(self, args: Sql, place: Sequence[str]) -> Sql:
        checks: list[Sql] = []
        pointer = ""
        for key in place:
            where = call("json_type({}, {})", args, self.text(pointer)) if pointer else call("json_type({})", args)
            checks.append(sql("{} = 'OBJECT'", where))
            pointer += "/" + key.replace("~", "~0").replace("/", "~1")
        return case(every(checks), call("json_extract({}, {})", args, self.text(pointer)))


class ClickHouse:
    """The SQL of ClickHouse, from 24 on."""

    name = "clickhouse"
    text_type, int_type, float_type = "Nullable(String)", "Nullable(Int64)", "Nullable(Float64)"
    wide = "toInt128({})"
    narrow = "accurateCastOrNull({}, 'Int64')"
    finite = "isFinite({})"
    remainder: str | None = None
    match = "match({}, {})"
    float_sum = "sumKahan({})"
    nullable = "toNullable({})"
    known = "COALESCE({}, 0)"  # servers before 19 know no FALSE

    def text(self, value: str) -> Sql:
        r"""A text; what cannot be printed by its bytes."""
        pieces: list[str] = []
        for char in value:
            if char in "\\'":
                pieces.append("\\" + char)
            elif char.isprintable():
                pieces.append(char)
            else:
                pieces += [f"\\x{byte:02X}" for byte in char.encode()]
        return constant(f"'{''.join(pieces)}'")

    def quantile(self, value: Sql, tenths: int) -> Sql:
        """A percentile of doubles."""
        return call(f"quantileExactInclusive({tenths / 1000})({{}})", value)

    def mixed_order(self, operator: str, a: Sql, b: Sql, *, is_int_first: bool) -> Sql:  # noqa: ARG002  exact here
        """ClickHouse compares them exactly."""
        return sql(f"{{}} {operator} {{}}", a, b)

    def float_text(self, value: Sql) -> Sql:
        """ClickHouse writes the same digits, but has exponents elsewhere, and no `.0`."""
        text = call("toString({})", value)
        usual = call("CASE WHEN position({0}, '.') > 0 THEN {0} ELSE concat({0}, '.0') END", text)
        large = call(
            r"CASE WHEN position({0}, 'e') > 0 THEN replaceOne({0}, 'e', 'e+') ELSE concat(replaceRegexpOne({0}, "
            r"'^(-?[0-9])([0-9]*?)0*$', '\\1.\\2e+'), toString(length({0}) - 1 - ({1} < 0))) END",
            text, value,
        )  # fmt: skip
        small = call(
            r"CASE WHEN position({0}, 'e') > 0 THEN replaceRegexpOne({0}, 'e-([0-9])$', 'e-0\\1') "
            r"ELSE concat(replaceRegexpOne({0}, '0\\.0*([0-9])([0-9]*)$', '\\1.\\2e-0'), "
            r"CASE WHEN abs({1}) < 1e-5 THEN '6' ELSE '5' END) END",
            text, value,
        )  # fmt: skip
        return call(
            "replaceOne(CASE WHEN {0} = 0 OR abs({0}) >= 1e-4 AND abs({0}) < 1e16 THEN {1} "
            "WHEN abs({0}) < 1 THEN {2} ELSE {3} END, '.e', 'e')",
            value, usual, small, large,
        )  # fmt: skip

    def part_of_time(self, time: Sql, grain: str | int) -> Sql:
        """The name of a part of time, of those that its calendar has."""
        whole = _whole(time, grain)
        form = _PARTS.get(str(grain), "%Y-Q%Q" if grain == "quarter" else "%Y-%m-%dT%H:%i:%SZ")
        name = call(f"formatDateTime(fromUnixTimestamp64Micro({{}}, 'UTC'), '{form}')", whole)
        return case(sql(f"{{}} BETWEEN {_CLICKHOUSE_MIN_US} AND {_CLICKHOUSE_MAX_US}", whole), name)

    def at_path(self, args: Sql, path: Sequence[str], step: Callable[[Sql], Sql]) -> Value:
        """A value in args."""
        places = [", ".join(self.text(key).text for key in place).replace("{", "{{").replace("}", "}}")
                  for place in _paths(path)]  # fmt: skip

        def found(function: str) -> Sql:
            *others, text = [call(f"{function}({{}}, {place})", args) for place in places]
            for place, other in zip(reversed(places[:-1]), reversed(others), strict=True):
                text = call("CASE WHEN {} THEN {} ELSE {} END", call(f"JSONHas({{}}, {place})", args), other, text)
            return text

        type_ = step(found("JSONType"))

        def part(types: str, function: str) -> Sql:
            return case(sql(f"{{}} IN ({types})", type_), found(function))

        parts = {
            BOOL: part("'Bool'", "JSONExtractBool"),
            INT: part("'Int64'", "JSONExtractInt"),
            FLOAT: part("'Double', 'UInt64'", "JSONExtractFloat"),
            TEXT: part("'String'", "JSONExtractString"),
            JSON: part("'Object', 'Array'", "JSONExtractRaw"),
        }  # fmt: skip
        return Value(parts, null=sql("COALESCE({}, 'Null') = 'Null'", type_))


DIALECTS: Final[Mapping[str, Dialect]] = {"duckdb": DuckDB(), "clickhouse": ClickHouse()}
"""The engines, by their names."""
