"""Addresses as people write them: what tells servers apart, what is refused, and that nothing secret is repeated."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.util.addresses import Address, from_environment, parse
from evalkit.util.errors import UserError


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        (" HTTP://LocalHost:8000/ ", "http://localhost:8000"),
        ("https://api.anthropic.com:443", "https://api.anthropic.com"),
        ("http://h/v1", "http://h"),
        ("http://h:1/v1/", "http://h:1"),
        ("http://h:1/v1/messages", "http://h:1"),
        ("http://h:1/gateway/anthropic/v1", "http://h:1/gateway/anthropic"),
        ("http://h/a", "http://h/a"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_forms_of_one_address_are_one(written, meant):
    assert str(parse(written)) == meant
    assert parse(meant) == parse(written)


def test_scheme_host_port_and_path_tell_servers_apart():
    forms = ["http://h", "https://h", "http://g", "http://h:1", "http://h:2", "http://h/a", "http://h/b"]
    assert len({str(parse(form)) for form in forms}) == len(forms)


@pytest.mark.parametrize(
    "written",
    ["", "127.0.0.1:8000", "localhost:8000", "ftp://h", "http://", "http://:80", "http://[::1", "http://h:99999",
     "http://h:0", "http://ho st", "http:///v1", "ws://h", "//h", "http:\\\\h", "http://h\x00", "http://h?key=x"],
)  # fmt: skip
def test_what_is_no_address_is_one_sentence_that_names_the_knob(written):
    with pytest.raises(UserError, match=r"^model\.base_url") as raised:
        parse(written)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "written",
    ["http://u:hunter2@h", "http://hunter2@h", "http://u:hun/ter2@h", "HTTPS://u:hunter2@h:8/v1", "u:hunter2@h",
     "http://h/?key=hunter2", "http://h#hunter2", "http:\\\\u:hunter2@h"],
)  # fmt: skip
def test_a_password_in_an_address_is_refused_and_not_repeated(written):
    with pytest.raises(UserError) as raised:
        parse(written)
    assert "hunter2" not in str(raised.value)
    assert "ter2" not in str(raised.value)


@given(st.text(alphabet=string.printable + "é\u3002\ud7ff", max_size=40))
def test_any_text_is_an_address_or_a_sentence(text):
    for form in (text, f"http://{text}", f"https://h{text}"):
        try:
            found = parse(form)
        except UserError:
            continue
        assert parse(str(found)) == found


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("a.localhost", True), ("127.0.0.9", True), ("::1", True), ("0.0.0.0", True),
     ("192.168.0.1", False), ("localhost.example", False), ("h", False)],
)  # fmt: skip
def test_a_server_on_this_machine_is_recognised(host, here):
    assert Address("http", host, 80, "").on_this_machine is here


def test_a_key_travels_encrypted_only():
    assert [parse(form).encrypted for form in ("HTTP://h", "http://h", "HTTPS://h")] == [False, False, True]


def test_the_environment_may_hold_a_password():
    assert str(from_environment({"ANTHROPIC_BASE_URL": "https://u:p@h/x/v1"})) == "https://h/x"
    assert str(from_environment({})) == "https://api.anthropic.com"
