"""What of a text is hidden, and that ordinary words stay: the table of docs/telemetry.md and more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.docs.documents import code, section, tables
from tests.harness import ROOT
from tracerd import redact
from tracerd.redact import rules

DOCUMENT = (ROOT / "docs/telemetry.md").read_text()
[HIDDEN] = tables(section(DOCUMENT, "### What is hidden"))

GITHUB = "ghp_" + "a1B2" * 9
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9"
KEY = "-----BEGIN PRIVATE KEY-----\nhunter2\n"

SECRETS = [
    ("https://ada:hunter2@example.org/x", "https://***@example.org/x"),
    ("https://hunter2@example.org/x", "https://***@example.org/x"),
    ("HTTPS://ada:hunter2@example.org", "HTTPS://***@example.org"),
    ("a http://u:hunter2@h http://v:hunter2@h b", "a http://***@h http://***@h b"),
    ("http://u:hunter2@h,http://v:hunter2@h", "http://***@h,http://***@h"),
    ("https://u:hun/ter2@h/x", "https://***@h/x"),
    ("amqp://u:hun@ter2@h:5672/x", "amqp://u:***@h:5672/x"),
    ("redis://:hunter2@h", "redis://:***@h"),
    ("postgres://ada:1234@db/x", "postgres://ada:***@db/x"),
    ('{"url":"ftp://u:hunter2@h"}', '{"url":"ftp://u:***@h"}'),
    ("mongodb://u:hunter2@h1:1,h2:2/x", "mongodb://u:***@h1:1,h2:2/x"),
    ("GET /x?api_key=hunter2&n=1", "GET /x?api_key=***&n=1"),
    ("https://h/x?sv=1&sig=hunter2%3D&se=2", "https://h/x?sv=1&sig=***&se=2"),
    ("https://h/x?X-Amz-Signature=hunter2", "https://h/x?X-Amz-Signature=***"),
    ("https://h/x?key=hunter2#top", "https://h/x?key=***#top"),
    ("Authorization: Bearer hunter2", "Authorization: ***"),
    ('Authorization: Digest username="a", response="hunter2"', "Authorization: ***"),
    ("proxy-authorization: Basic hunter2\nHost: h", "proxy-authorization: ***\nHost: h"),
    ("Cookie: a=hunter2; b=hunter2", "Cookie: ***"),
    ("set-cookie: sid=hunter2", "set-cookie: ***"),
    ("X-Api-Key: hunter2", "X-Api-Key: ***"),
    ("child: sshpass -p hunter2 ssh", "child: sshpass -p *** ssh"),
    ('{"http.extraHeader":"X-Team: hunter2"}', '{"http.extraHeader":"***"}'),
    ("X-Auth-Token: hunter2", "X-Auth-Token: ***"),
    ("with Bearer abcdefghij0123456789", "with Bearer ***"),
    ("with bearer abcdefghij0123456789, then", "with bearer ***, then"),
    ("with Basic YWRhOmh1bnRlcjI= for it", "with Basic *** for it"),
    ("password=hunter2", "password=***"),
    ("password = hunter2", "password = ***"),
    ("password: hunter2", "password: ***"),
    ("password => 'hunter2'", "password => '***'"),
    ("password := hunter2", "password := ***"),
    ("password='hunter2', n=1", "password='***', n=1"),
    ('f(password="hunter2",user="ada")', 'f(password="***",user="ada")'),
    ('f(password="hun\\"ter2")', 'f(password="***")'),
    ("password=hunter2&user=ada", "password=***&user=ada"),
    ("password=hun;ter2", "password=***"),
    ("DB_PASSWORD=hunter2 run", "DB_PASSWORD=*** run"),
    ("DB_PASS=hunter2 KEY=hunter2 NPM_AUTH=hunter2", "DB_PASS=*** KEY=*** NPM_AUTH=***"),
    ("Server=x;Pwd=hunter2;", "Server=x;Pwd=***;"),
    ("user[password]=hunter2", "user[password]=***"),
    ("access_token=hunter2, refresh-token=hunter2", "access_token=***, refresh-token=***"),
    ("clientSecret: hunter2", "clientSecret: ***"),
    ("aws_secret_access_key = hunter2", "aws_secret_access_key = ***"),
    ("apiKey=hunter2 api-key=hunter2 API_KEY_2=hunter2", "apiKey=*** api-key=*** API_KEY_2=***"),
    ("passphrase: 'a b hunter2'", "passphrase: '***'"),
    ("credentials: hunter2", "credentials: ***"),
    ("bearer=hunter2", "bearer=***"),
    ("<a><dbPassword>hunter2</dbPassword></a>", "<a><dbPassword>***</dbPassword></a>"),
    ("<password>a hunter2</password><password></password>", "<password>***</password><password></password>"),
    ('{"password":"hunter2","n":1}', '{"password":"***","n":1}'),
    ('{"password": "hunter2"}', '{"password": "***"}'),
    ('{\\"token\\":\\"hunter2\\",\\"n\\":1}', '{\\"token\\":\\"***\\",\\"n\\":1}'),
    ("{'api_key': 'hunter2'}", "{'api_key': '***'}"),
    ("{password: hunter2}", "{password: ***}"),
    ("password: hunter2, token: hunter2", "password: ***, token: ***"),
    ("password: X-Api-Key: hunter2 x", "password: *** x"),
    ("run --password hunter2 x", "run --password *** x"),
    ("run --password 'a hunter2' x", "run --password '***' x"),
    ("run --api-key hunter2", "run --api-key ***"),
    ("run --token hunter2 --secret hunter2", "run --token *** --secret ***"),
    ("run -password hunter2", "run -password ***"),
    ("['--password', 'hunter2']", "['--password', '***']"),
    ("curl -u ada:hunter2 x", "curl -u ada:*** x"),
    ("curl --user=ada:hunter2 x", "curl --user=ada:*** x"),
    ("curl --proxy-user 'ada:hunter2' x", "curl --proxy-user 'ada:***' x"),
    ("--from-literal=a=hunter2", "--from-literal=a=***"),
    (f"{KEY}-----END PRIVATE KEY-----\nx", "-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----\nx"),
    (f"{KEY}", "-----BEGIN PRIVATE KEY-----***"),
    (f"a {KEY}{KEY}", "a -----BEGIN PRIVATE KEY-----***"),
    ("-----BEGIN RSA PRIVATE KEY-----\\nhunter2", "-----BEGIN RSA PRIVATE KEY-----***"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nhunter2", "-----BEGIN PGP PRIVATE KEY BLOCK-----***"),
    (f"{GITHUB} {GITHUB}", "ghp_*** ghp_***"),
    (f"{GITHUB},{GITHUB}", "ghp_***,ghp_***"),
    ("github_pat_" + "a1_" * 9, "github_pat_***"),
    ("glpat-" + "a1_-" * 5, "glpat-***"),
    ("sk-ant-api03-" + "aB1-" * 8, "sk-***"),
    ("AKIAIOSFODNN7EXAMPLE ASIAIOSFODNN7EXAMPLE", "AKIA*** ASIA***"),
    ("AIza" + "aB1_-" * 7, "AIza***"),
    ("xoxb-1234567890-abcdef", "xoxb-***"),
    ("SG." + "aB1_-" * 4 + "." + "aB1_-" * 4, "SG.***"),
    ("npm_" + "aB1" * 12, "npm_***"),
    ("sk_live_" + "aB1" * 8 + " rk_live_" + "aB1" * 8, "sk_live_*** rk_live_***"),
    ("hf_" + "aB1" * 12, "hf_***"),
    ("pypi-" + "aB1_-" * 9, "pypi-***"),
    (f"{JWT} {JWT}", "eyJ*** eyJ***"),
    (f'"{JWT}"', '"eyJ***"'),
    ("tok\u00e9n password=hunter2\u00fc \u4e16", "tok\u00e9n password=*** \u4e16"),
    ("\ud800 password=hunter2 \udcff", "\ud800 password=*** \udcff"),
]

ORDINARY = [
    "Basic block 3",
    "Basic instructions for InternationalizationSupport2",
    "bearer of good news to everybody",
    "token count",
    "max_tokens=512, total_tokens: 7",
    "expected token: ';'",
    "tokenize(secrets)",
    "the password is wrong",
    "password",
    "password:",
    "password == other",
    "secret::Key<T>",
    "if token>5 and secret->x",
    "cache key: gcc-12-debian",
    "primary_key=id, sort key = name",
    "tests pass=12 fail=0",
    "first_pass: 3",
    "auth: none",
    "PWD=/home/ada OLDPWD=/tmp",
    "/usr/lib/python3/dist-packages/keyring/backends/password_store.py",
    "/a/very/long/path/of/more/than/forty/characters/without/a/dot",
    "commit 0123456789abcdef0123456789abcdef01234567",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "d41d8cd98f00b204e9800998ecf8427e  a.txt",
    "hf_config_of_the_model_that_was_loaded task_live_0123456789abcdefghij",
    "sk-learn-pipelines-are-rather-long",
    "task-abcdefghijklmnopqrstuvwxyz0123456789",
    "ssh://git@example.org/x",
    "git@github.com:a/b.git",
    "https://example.org:8080/a@b",
    "http://[::1]:80/a@b",
    "file:///a:b/c@d",
    "ada@example.org",
    "std::vector<int>::iterator",
    "-Wno-unused -O2 -u main",
    "docker run -u 1000:1000 -p 80:80",
    "--token-file /run/token",
    "sort -u -k2",
    "monkey=banana",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "550e8400-e29b-41d4-a716-446655440000",
    "?monkey",
    "",
]


@pytest.mark.parametrize(("given", "shown"), [pytest.param(*map(code, row[:2])) for row in HIDDEN])
def test_secrets_are_hidden_as_documented(given: str, shown: str) -> None:
    assert redact.text(given) == shown


@pytest.mark.parametrize(("given", "shown"), SECRETS)
def test_secrets_are_hidden_and_all_else_stays(given: str, shown: str) -> None:
    assert redact.text(given) == shown


@pytest.mark.parametrize("value", ORDINARY)
def test_ordinary_words_stay(value: str) -> None:
    assert redact.text(value) == value


def test_the_tables_are_large_enough() -> None:
    assert len(SECRETS) >= 80


@given(st.lists(st.sampled_from([*(pair[0] for pair in SECRETS), *ORDINARY])), st.sampled_from([" ", "\n", ", "]))
def test_no_neighbour_of_a_secret_gives_it_away(values: list[str], between: str) -> None:
    assert "hunter2" not in redact.text(between.join(values))


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_redacted(value: str) -> None:
    """Also what is not valid Unicode; what names no secret stays."""
    assert redact.text(f"{value} x") == f"{value} x"


def test_every_rule_is_reached_from_a_hint() -> None:
    """The hints decide before the rules are imported, for command lines and for lines of JSON."""
    hints = [hint.encode() for hint in redact.HINTS]
    words = {word.lower() for rule in (*rules.TEXT, *rules.SCRIPT) for word in rule.words} - {b"stdin"}

    assert [word for word in words if not any(hint in word for hint in hints)] == []
