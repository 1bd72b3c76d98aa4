"""docs/clients/tracerd-web.mjs in the real Node: against the real server, and against servers that do not do well."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.docs.documents import blocks
from tests.harness import PATIENCE_S, ROOT
from tests.http_server import Answer, Request, serving
from tests.web.recording import recording
from tests.web.servers import TOKEN
from tests.web_client.otlp_server import HANG, taking
from tracerd.web_client import WebClient

pytestmark = [pytest.mark.tools, pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")]

CLIENT = ROOT / "docs/clients/tracerd-web.mjs"

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"

BEGIN = (
    f"import {{ Tracerd }} from {json.dumps(str(CLIENT))}; const print = value => console.log(JSON.stringify(value));"
)


def run(script: str, address: str, begin: str = BEGIN, **environ: str) -> list[Any]:
    """Run a program; what it prints. It must end well, and print nothing else."""
    cleared = {"TRACEPARENT": "", "TRACERD_WEB_TOKEN_FILE": "", "XDG_RUNTIME_DIR": "/nonexistent"}
    done = subprocess.run(
        ["node", "--input-type=module", "-e", begin + script],
        env=os.environ | cleared | {"TRACERD_WEB_ADDRESS": address} | environ,
        capture_output=True,
        check=False,
        timeout=PATIENCE_S * 2,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_a_program_reports_is_in_its_trace() -> None:
    """Spans nest, messages name their spans, and all of it joins the trace of the command that started the program."""
    script = """
        const tracerd = new Tracerd({ service: 'shop', attributes: { 'service.version': '2' } });
        tracerd.info('started', { port: 80 });
        const result = await tracerd.run('checkout', async span => {
          span.set('items', 3).error('declined', { code: 51, cart: { ids: [1, 2.5, null, true] } });
          return span.run('pay', () => 42);
        });
        try { tracerd.run('fails', () => { throw new RangeError('mine'); }); } catch (error) { print(error.message); }
        tracerd.metric('queue', 3, { host: 'a' });
        print([result, await tracerd.flush(), tracerd.dropped, tracerd.problem]);
        tracerd.warn('at the end');
    """
    trace_id = f"tr-1-{TRACE_ID}"
    with recording() as both:
        with both.daemon.connect() as client:
            client.send(f'OPEN {trace_id}\n{{"ph":"i","name":"begin","ts":1}}\n'.encode())
            client.flush()
        server = both.server
        parent = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
        environ = {"TRACEPARENT": parent, "TRACERD_WEB_TOKEN_FILE": str(server.token_file)}
        assert run(script, server.url, **environ) == ["mine", [42, True, 0, ""]]

        web = WebClient(server.url, TOKEN)
        spans = {span["name"]: span for span in web.observations(trace_id)}
        logs = [event["event"] for event in web.logs(trace=trace_id)]
        [series] = web.metric("queue", agg="last")["data"]

    assert {name: span["level"] for name, span in spans.items()} == {
        "checkout": "DEFAULT",
        "pay": "DEFAULT",
        "fails": "ERROR",
    }
    assert spans["pay"]["parentObservationId"] == spans["checkout"]["id"]
    assert spans["checkout"]["metadata"]["items"] == 3
    assert spans["checkout"]["metadata"]["parent_span_id"] == "00f067aa0ba902b7"
    assert spans["fails"]["statusMessage"] == "mine"
    assert [log["name"] for log in logs] == ["at the end", "declined", "started"]
    declined: Any = logs[1]["args"]
    assert (declined["level"], declined["code"], declined["cart"]) == ("error", 51, {"ids": [1, 2.5, None, True]})
    assert declined["span_id"] == spans["checkout"]["metadata"]["span_id"]
    assert (series["labels"], [window["value"] for window in series["values"]]) == ({"host": "a"}, [3])


def test_the_documented_example(tmp_path: Path) -> None:
    [example] = blocks((ROOT / "docs/web.md").read_text(), "js")
    with taking() as server:
        script = example.replace("'./tracerd-web.mjs'", json.dumps(str(CLIENT)))
        assert run(script, server.address, begin="", TRACERD_WEB_TOKEN_FILE=str(token_file(tmp_path))) == [True]

    assert server.messages() == ["user logged in", "card declined"]
    assert {request.token for request in server.taken} == {"Bearer secret"}


def token_file(home: Path) -> Path:
    path = home / "token"
    path.write_text("secret\n")
    return path


def test_what_a_busy_server_refuses_comes_later_and_once() -> None:
    script = """
        const tracerd = new Tracerd({ token: 't' });
        for (let number = 0; number < 250; number++) tracerd.info(`m${number}`);
        print([await tracerd.flush(), tracerd.dropped]);
    """
    answers = [(503, '{"message":"no daemon"}'), (429, ""), (401, "")]
    with taking(*answers) as server:
        assert run(script, server.address) == [[True, 0]]

    assert server.messages() == [f"m{number}" for number in range(250)]
    assert [len(request.items) for request in server.refused] == [200, 200, 200]
    assert {request.token for request in server.taken} == {"Bearer t"}


def test_what_is_refused_for_ever_is_counted_and_its_neighbours_come() -> None:
    script = """
        const tracerd = new Tracerd({ token: '' });
        const answers = [];
        for (const message of ['bad', 'part', 'good']) {
          tracerd.info(message);
          answers.push([await tracerd.flush(), tracerd.dropped, tracerd.problem]);
        }
        print(answers);
    """
    partly = '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}'
    with taking((400, '{"message":"why"}'), (200, partly)) as server:
        assert run(script, server.address) == [[[False, 1, "400 why"], [False, 2, "too old"], [True, 2, "too old"]]]

    assert server.messages() == ["part", "good"]


ONE = "const tracerd = new Tracerd({ token: 't' }); tracerd.info('m'); print([await tracerd.flush(), tracerd.dropped]);"


def test_no_redirect_is_followed() -> None:
    came: list[Request] = []
    with (
        serving(came.append) as elsewhere,
        serving(lambda _: Answer(307, {"Location": f"http://127.0.0.1:{elsewhere}/"})) as port,
    ):
        assert run(ONE, f"127.0.0.1:{port}") == [[False, 1]]
    assert came == []


def test_a_pause_that_no_timer_has_is_a_long_one() -> None:
    """Beyond 2^31 ms node warns on stderr, and waits for a millisecond."""
    came: list[Request] = []

    def answer(request: Request) -> Answer:
        came.append(request)
        return Answer(429, {"Retry-After": "9999999999"})

    with serving(answer) as port:
        assert run(ONE, f"127.0.0.1:{port}") == [[False, 0]]
    assert len(came) < 5


def test_an_answer_without_an_object_is_one_all_the_same() -> None:
    with taking((200, "null")) as server:
        assert run(ONE, server.address) == [[True, 0]]
    assert server.messages() == ["m"]


def test_half_a_surrogate_pair_is_replaced() -> None:
    script = """
        const tracerd = new Tracerd({ token: '', service: '\\ude00' });
        tracerd.info('x'.repeat(4095) + '\\u{1f600}', { '\\ud800': '\\ude00\\ud83d', whole: '\\u{1f600}' });
        print(await tracerd.flush());
    """
    with taking() as server:
        assert run(script, server.address) == [True]

    [item] = server.taken[0].items
    assert item["body"]["stringValue"] == "x" * 4095 + "\ufffd"
    assert {one["key"]: one["value"]["stringValue"] for one in item["attributes"]} == {
        "\ufffd": "\ufffd\ufffd",
        "whole": "\U0001f600",
    }


@pytest.mark.parametrize("answers", [[(HANG, "")] * 9, [(503, "")] * 9], ids=["hangs", "refuses"])
def test_a_server_that_does_not_do_well_keeps_no_program_from_ending(answers: list[tuple[int, str]]) -> None:
    with taking(*answers) as server:
        assert run("new Tracerd({ token: '' }).info('lost'); print('ended');", server.address) == ["ended"]

    assert [request.items[0]["body"] for request in server.refused] == [{"stringValue": "lost"}]


def test_without_a_server_a_program_runs_as_ever_and_what_is_too_much_is_dropped() -> None:
    script = """
        const tracerd = new Tracerd({ token: '' });
        for (let number = 0; number < 10_500; number++) tracerd.info('x');
        print(await tracerd.flush() || tracerd.dropped);
        for (let number = 0; number < 12_000; number++) tracerd.info('x'.repeat(4000));
        print(tracerd.dropped > 10_500);
    """
    assert run(script, "127.0.0.1:1") == [500, True]


def test_nothing_that_a_program_gives_makes_it_throw_or_is_sent_without_bounds() -> None:
    script = """
        const tracerd = new Tracerd({ token: '', attributes: { bad: Symbol('s') } });
        const loop = {}, wide = Object.fromEntries(Array.from({ length: 1000 }, (_, key) => [key, key]));
        for (let key = 0; key < 60; key++) loop[key] = loop;
        const bare = Object.create(null), proxy = new Proxy({}, { get() { throw 1; }, ownKeys() { throw 2; } });
        const small = [Symbol('x'), 10n, bare, proxy, loop, null, undefined, NaN, '\\ud800', new Error('e')];
        for (const odd of [...small, 'x'.repeat(1e6), wide, Array(1e6).fill(odd => odd), new Date(NaN)]) {
          tracerd.info(odd, { odd, nested: [odd] });
          tracerd.error('fields', odd);
          tracerd.metric(odd, odd, odd);
          const span = tracerd.start(odd, odd);
          span.set(odd, odd).start(span).end(odd);
          span.info(odd, odd);
          span.end(odd); span.end();
        }
        print(await tracerd.flush());
        print(tracerd.dropped > 0);
    """
    with taking() as server:
        assert run(script, server.address) == [True, True]

    items = [item for request in server.taken for item in request.items]
    assert len([item for item in items if "spanId" in item and "body" not in item]) > 20
    assert max(len(json.dumps(item)) for item in items) < 100_000
    assert max(request.size for request in server.taken) < 2 << 20
