"""A complete example: a small shop on the web, of two processes, with its logs, spans and metrics.

It needs tracerd and the standard library. Run it, and it prints its address; order something:

    tracerd exec --trace shop -- python shop.py front
    curl 'http://127.0.0.1:8000/order?item=tea&count=2'

`front` takes orders, and asks `stock`, a process that it starts, for each. Both write to the trace `shop`, because
`tracerd exec` names it in their environment; without it, all calls of `tracerd.client` do nothing. What one sees:

    tracerd show shop --log             # each request as a span, what was logged in it, and its part in the other process
    tracerd open shop                   # the same as a picture; arrows lead from a question to its answer
    tracerd metrics stock shop --by item      # a curve for each item
    tracerd search 'sold out' shop      # log messages, of any trace without its name
    tracerd web & python shop.py report       # the same questions, asked over HTTP
"""

import itertools
import json
import logging
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import tracerd.client as trace
from tracerd.client.log_handler import LogHandler
from tracerd.web_client import ApiError, WebClient

log = logging.getLogger("shop")


class Server(ThreadingHTTPServer):
    """A server with four threads: in a trace, each has a row of its own."""

    def __init__(self, port, handler):
        super().__init__(("127.0.0.1", port), handler)
        numbers = itertools.count(1)
        self.pool = ThreadPoolExecutor(4, initializer=lambda: trace.thread_name(f"worker {next(numbers)}"))

    def process_request(self, request, client_address):
        self.pool.submit(self.process_request_thread, request, client_address)


class Handler(BaseHTTPRequestHandler):
    """A request as a span, with its status; `answer` gives a status and what is sent as JSON."""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        with trace.span(f"GET {path}", query=query) as span:
            try:
                status, value = self.answer(path, dict(parse_qsl(query)))
            except Exception as error:
                log.exception("cannot answer %s", self.path)
                span.set(error=str(error))
                status, value = 500, {"error": "a bug"}
            span.set(status=status)
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing: the spans say it."""


class Front(Handler):
    numbers = itertools.count(1)

    def answer(self, path, query):
        if path != "/order":
            return 404, {"error": f"there is no {path}"}
        number, item, count = next(self.numbers), query.get("item", ""), int(query.get("count", "1"))
        log.info("order received", extra={"order": number, "item": item, "count": count})
        status, left = self.ask_stock(number, item, count)
        if status != 200:
            log.warning("%s: %s", item, left["error"], extra={"order": number})
            return status, left
        trace.metric("orders", number, item=item)
        return 200, {"order": number, "left": left["left"]}

    def ask_stock(self, number, item, count):
        with trace.span("ask stock", item=item):
            trace.flow("question", number, "start")  # an arrow, whose end is in the other process
            connection = HTTPConnection(self.server.stock, timeout=10)
            try:
                query = urlencode({"item": item, "count": count})
                connection.request("GET", f"/take?{query}", headers={"X-Order": str(number)})
                response = connection.getresponse()
                return response.status, json.load(response)
            finally:
                connection.close()


class Stock(Handler):
    left = {"tea": 3, "cake": 1}
    lock = threading.Lock()

    def answer(self, path, query):
        trace.flow("question", int(self.headers["X-Order"]), "end")
        item, count = query.get("item", ""), int(query["count"])
        with trace.span("wait for the shelf"):
            self.lock.acquire()
        try:
            if item not in self.left:
                return 404, {"error": "unknown"}
            if count > self.left[item]:
                return 409, {"error": "sold out"}
            self.left[item] -= count
            trace.metric("stock", self.left[item], item=item)
            return 200, {"left": self.left[item]}
        finally:
            self.lock.release()


def serve(name, handler, port, **attributes):
    """Serve until Ctrl-C or SIGTERM; the first line of stdout is the address."""
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # they are waited for below
    logging.basicConfig(level=logging.INFO, format=f"{name}: %(levelname)s %(message)s")
    logging.getLogger().addHandler(LogHandler())
    trace.process_name(name)
    with Server(port, handler) as server:
        vars(server).update(attributes)
        threading.Thread(target=server.serve_forever).start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        signal.sigwait(signals)
        server.shutdown()
    log.info("closed")


def front(port):
    trace.attributes(name="shop", tags=["example"], version="1.0")
    with subprocess.Popen([sys.executable, __file__, "stock"], stdout=subprocess.PIPE, text=True) as stock:
        try:
            serve("front", Front, port, stock=urlsplit(stock.stdout.readline().strip()).netloc)
        finally:
            stock.terminate()


def report():
    """What the trace knows, asked of `tracerd web`."""
    web = WebClient()
    spans = web.query(metric='count() by name where ph == "X" && name != "ask stock"', trace="shop")
    print("spans:", *(f"{name} {count}" for of_metric in spans["metrics"].values() for name, count in of_metric.items()))
    for series in web.metric("stock", trace="shop", agg="last", step="1d")["data"]:
        print(f"left of {series['labels']['item']}: {series['values'][-1]['value']:g}")
    for event in web.logs(trace="shop", level="warning"):
        args = event["event"]["args"]
        order = f" (order {args['order']})" if "order" in args else ""
        print(f"{args['level']}: {event['event']['name']}{order}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["front", *port]:
            front(int(port[0]) if port else 8000)
        case ["stock"]:
            serve("stock", Stock, 0)
        case ["report"]:
            try:
                report()
            except ApiError as error:
                sys.exit(f"shop.py: {error}")
        case _:
            sys.exit(__doc__)
