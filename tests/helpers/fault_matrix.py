"""What every fault of the cloud or the network costs: the matrix that test_fault_matrix checks and the documentation shows."""

from dataclasses import dataclass, replace

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.client import Client
from exporter.api.errors import REASONS
from exporter.api.rate_limiter import RateLimiter
from exporter.api.session import Session as AskedCloud
from exporter.catalogue.types import load_catalogue
from exporter.clock import Clock
from exporter.config.token import Token
from exporter.logs import LogOnce
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.names import metric_name
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.series import Series
from exporter.metrics.unknown_fields import UnknownFields
from exporter.polling.scheduler import Scheduler
from exporter.polling.target import ReadingJob, Shared, Target
from exporter.polling.zone_watch import ZoneWatch
from tests.helpers.fakes import device, samples

SICK, WELL = "SICK", "WELL"


@dataclass(frozen=True)
class Case:
    """`reason` is what the poll counts as; `requests` how many it takes; `dropped` the fields without a series, by cause.

    `unread` says that the reading's own time cannot be read, and is counted.
    """

    reason: str | None
    requests: int = 1
    dropped: tuple[tuple[str, int], ...] = ()
    text: str = ""
    unread: bool = False


#: The simulator's faults. The words are the documentation's.
MATRIX = {
    "timeout": Case("timeout", text="The cloud never answers"),
    "drip": Case("timeout", text="The body comes a byte at a time"),
    "drip_headers": Case("timeout", text="The headers come a byte at a time"),
    "slow": Case(None, text="A slow answer, within the timeout"),
    "reset": Case("connection", 2, text="The connection is reset"),
    "close": Case("connection", 2, text="The connection closes without an answer"),
    "short_body": Case("connection", 2, text="The connection closes in the middle of the body"),
    "chunked_garbage": Case("connection", 2, text="Broken chunked encoding"),
    "not_http": Case("connection", 2, text="Bytes that are no HTTP"),
    "early_hints": Case(None, text="Interim responses (103, 100) before a good answer"),
    "endless_hints": Case("timeout", text="Interim responses without end"),
    "switching_protocols": Case("connection", 2, text="HTTP 101, a switch of protocols that nobody asked for"),
    "odd_headers": Case(None, text="Headers that are folded, doubled, not ASCII or senseless"),
    "many_headers": Case("connection", 2, text="1,000 headers"),
    "long_header": Case("connection", 2, text="A header of 1 MB"),
    "two_lengths": Case("connection", 2, text="Two lengths that contradict each other"),
    "http_401": Case("unauthorized", text="HTTP 401"),
    "http_403": Case("unauthorized", text="HTTP 403"),
    "http_404": Case("not_found", text="HTTP 404"),
    "http_407": Case("connection", 2, text="HTTP 407, which only proxies send"),
    "http_429": Case("rate_limited", text="HTTP 429, with or without Retry-After"),
    "retry_after_overflow": Case("rate_limited", text="HTTP 429, with a Retry-After that no clock holds"),
    "http_500": Case("http_status", text="HTTP 500"),
    "http_502": Case("http_status", 2, text="HTTP 502"),
    "http_503": Case("http_status", 2, text="HTTP 503"),
    "http_504": Case("http_status", 2, text="HTTP 504"),
    "redirect": Case("http_status", text="A redirect"),
    "bad_redirect": Case("http_status", text="A redirect to something that is no URL"),
    "html": Case("invalid_payload", text="An HTML page with status 200"),
    "empty_body": Case("invalid_payload", text="An empty body"),
    "truncated_json": Case("invalid_payload", text="JSON cut in half"),
    "deep_json": Case("invalid_payload", text="JSON nested 100,000 deep"),
    "huge_body": Case("invalid_payload", text="A body of 50 MiB"),
    "not_gzip": Case("invalid_payload", text="A body that is not compressed as it says"),
    "gzip_bomb": Case("invalid_payload", text="500 KB of gzip that inflate to 500 MB"),
    "many_fields": Case("invalid_payload", text="200,000 fields"),
    "too_many_fields": Case("invalid_payload", text="More than 512 numeric fields"),
    "code_500": Case("api_error", text="Envelope code 500"),
    "code_400": Case("not_found", text="Envelope code 400"),
    "code_401": Case("unauthorized", text="Envelope code 401"),
    "code_403": Case("unauthorized", text="Envelope code 403"),
    "code_407": Case("api_error", text="Envelope code 407"),
    "code_429": Case("rate_limited", text="Envelope code 429"),
    "code_10012": Case("rate_limited", text='Envelope code 10012, the sibling platform\'s "too frequent"'),
    "code_text": Case("invalid_payload", text="An envelope code that is a word"),
    "code_text_number": Case(None, text="An envelope code that is a number as text"),
    "code_text_403": Case("unauthorized", text="Envelope code 403 as text"),
    "null_data": Case("invalid_payload", text="Null instead of data"),
    "empty_data": Case("invalid_payload", text="Data without a field"),
    "list_data": Case("invalid_payload", text="A list instead of data"),
    "all_null": Case("invalid_payload", text="Every field is null"),
    "text_values": Case("invalid_payload", text="Every field is a word"),
    "wrong_device": Case("invalid_payload", text="Another device's data"),
    "invalid_utf8": Case("invalid_payload", text="Bytes that are no UTF-8"),
    "utf16": Case(None, text="The whole body in UTF-16"),
    "nan": Case(None, text="NaN and infinities"),
    "overflow_float": Case(None, text="1e999"),
    "huge_integers": Case(None, text="Integers of 400 digits"),
    "text_numbers": Case(None, text="Numbers as text"),
    "duplicate_keys": Case(None, text="Every key twice"),
    "surrogates": Case(None, dropped=(("name", 1),), text="Lone surrogates"),
    "odd_names": Case(
        None, dropped=(("name", 7),), text="Fields named `__name__`, `le`, empty, with spaces, 5,000 characters long"
    ),
    "colliding_names": Case(
        None, dropped=(("collision", 3),), text="Two fields that become one metric, or one of the exporter's own"
    ),
    "fresh_fields": Case(None, text="100 new field names in every answer"),
    "no_time": Case(None, text="A reading without time"),
    "bad_time": Case(None, text='A time that is "soon"', unread=True),
    "zero_time": Case(None, text="A time that is always `0000-00-00 00:00:00`", unread=True),
    "number_time": Case(None, text="A time that is always the same number", unread=True),
    "object_time": Case(None, text="A time that is an object", unread=True),
    "unset_clock": Case(None, text="A clock that was never set: the year 2000", unread=True),
    "iso_time": Case(None, text="A time in another form of ISO 8601"),
    "hex_codes": Case(None, text="Codes as hexadecimal text such as `12E4`"),
    "text_identities": Case(None, text="Further serial numbers and ids, as text or numbers"),
    "some_words": Case(None, text="Words in some fields"),
    "other_spelling": Case(None, text="The serial number in small letters, with space around it"),
    "odd_lost": Case(None, text="`lost` in a list as a number or text"),
    "clock_frozen": Case(None, text="An offline device: the last reading again and again"),
}

#: Faults on the way to the cloud, by what the test puts there.
NETWORK = {
    "refused": "Nobody listens",
    "no_such_host": "The name does not resolve",
    "proxy_down": "The proxy is down",
    "tls_expired": "The certificate has expired",
    "tls_wrong_host": "The certificate is for another name",
    "tls_untrusted": "Nobody vouches for the certificate",
    "half_open": "The TLS handshake never ends",
}


class Bench:
    """Two devices of one account, polled by hand over real HTTP."""

    def __init__(self, url: str, timeout: float = 0.6, authorization: str = "made-up-token", type: str = "pbd") -> None:
        clock = Clock()
        token = Token(value=authorization)
        self.series = Series(metric_name, lambda name: f"Field {name}.")
        self.metrics = SelfMetrics("0", REASONS, ["unauthorized", "unreachable"])
        self.metrics.count_devices({type: 2})
        path = load_catalogue()[type].paths.realtime.path
        self.account = CircuitBreaker(clock)
        self.account.configure(10)
        self.client = Client(url, token, language="en", timeout=timeout, concurrency=2)
        self.token = token
        self.clock = clock
        self.targets = {sn: Target(replace(device(sn), type=type, path=path), self.series, clock) for sn in (SICK, WELL)}
        self.forgive()

    def forgive(self) -> None:
        """Forget that the cloud asked for a pause."""
        self.budget = RateLimiter(100_000_000, Clock())
        self.cloud = AskedCloud(self.client, self.token, self.budget, self.account, self.metrics)
        self.scheduler = Scheduler(self.cloud, self.clock, 1, lambda: None)
        parts = DroppedFields(self.metrics), UnknownFields(self.metrics), LogOnce(), ZoneWatch(self.metrics, self.clock)
        self.jobs = {sn: ReadingJob(target, Shared(self.cloud, *parts)) for sn, target in self.targets.items()}

    def poll(self, sn: str) -> dict[str, float]:
        """Poll once; what the exporter counted meanwhile."""
        before = self.counters()
        self.scheduler.work(self.jobs[sn])
        after = self.counters()
        return {name: value - before[name] for name, value in after.items() if value != before[name]}

    def counters(self) -> dict[str, float]:
        page = samples(self.metrics.render(openmetrics=False))
        return {
            name: value for name, value in page.items() if name.split("{")[0].endswith("_total") and name.startswith("atess_")
        }

    def shown(self, sn: str, *, values_only: bool = True) -> dict[str, float]:
        page = bytes(self.series.snapshot())
        list(parse_openmetrics(page.decode() + "# EOF\n"))
        found = {name: value for name, value in samples(page).items() if f'deviceSn="{sn}"' in name}
        return {name: value for name, value in found.items() if not (values_only and name.startswith("atess_device_"))}

    def state(self, sn: str) -> tuple[float, ...]:
        found = self.shown(sn, values_only=False)
        labels = f'deviceSn="{sn}",type="pbd"'
        stale = [found[f'atess_device_stale{{{labels},cause="{cause}"}}'] for cause in ("failing", "frozen")]
        return (found[f"atess_device_up{{{labels}}}"], *stale)


def table() -> str:
    """Return the matrix as the documentation shows it."""
    lines = ["| fault | counted as | the device's values |", "|---|---|---|"]
    for case in MATRIX.values():
        kept = "kept until `stale_after`" if case.reason else "the new ones, but for what is no finite number or has no name"
        if case.text.startswith("An offline device"):
            kept = "stale after `stale_after`, as `frozen`"
        lines.append(f"| {case.text} | {f'`{case.reason}`' if case.reason else 'a usable reading'} | {kept} |")
    for fault, text in NETWORK.items():
        lines.append(f"| {text} | `{'timeout' if fault == 'half_open' else 'connection'}` | kept until `stale_after` |")
    return "\n".join(lines)
