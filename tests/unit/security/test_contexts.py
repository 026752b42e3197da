"""Which handshakes succeed, with which suites, in both versions of TLS."""

from __future__ import annotations

import ssl
import warnings
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448

from pki import (
    CLIENT,
    FAR_OFF,
    LONG_AGO,
    NOW,
    SERVER,
    TOMORROW,
    YESTERDAY,
    Credential,
    PrivateKey,
    careless_client,
    dsa_key,
    handshake,
    make_crl,
    make_leaf,
    make_root,
    rsa_key,
    save_crl,
    save_trust,
    weakly_signed,
)
from sealbus.errors import ConfigError
from sealbus.security import (
    Identity,
    PeerVerifier,
    TlsOptions,
    Trust,
    build_client_context,
    build_server_context,
    explain_tls_error,
    wants_renewal,
)

if TYPE_CHECKING:
    from pathlib import Path

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
both_versions = pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])

ROOT = make_root()
ISSUER = make_root("Test issuer", issuer=ROOT)
FOREIGN = make_root("Foreign root")
SERVER_LEAF = make_leaf(ROOT, "plc", hosts=["plc.example", "127.0.0.1", "::1"])
RSA_SERVER_LEAF = make_leaf(ROOT, "plc", hosts=["plc.example"], key=rsa_key())
OPERATOR = make_leaf(ROOT, "operator", role="Operator")


def _identity(folder: Path, *credentials: Credential) -> Identity:
    pairs = [one.save(folder, f"{one.certificate.serial_number:x}") for one in credentials]
    return Identity.load([pair[0] for pair in pairs], [pair[1] for pair in pairs])


def _trust(folder: Path) -> Trust:
    return Trust.load(save_trust(folder / "ca.crt", ROOT))


def _server(folder: Path, *credentials: Credential, options: TlsOptions = TlsOptions()) -> ssl.SSLContext:  # noqa: B008
    return build_server_context(_identity(folder, *(credentials or (SERVER_LEAF,))), _trust(folder), options)


def _client(folder: Path, credential: Credential = OPERATOR) -> ssl.SSLContext:
    return build_client_context(_identity(folder, credential), _trust(folder))


def _only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.maximum_version = version
    context.minimum_version = version
    return context


@both_versions
def test_two_peers_of_one_authority_connect(tmp_path: Path, version: ssl.TLSVersion) -> None:
    server, client = handshake(_server(tmp_path), _only(_client(tmp_path), version), host="plc.example")
    assert client.version() == version.name.replace("v1_", "v1.")
    assert server.getpeercert(binary_form=True) == OPERATOR.der
    assert client.getpeercert(binary_form=True) == SERVER_LEAF.der
    assert server.compression() is None


GOOD = {
    "ecdsa below an intermediate": make_leaf(ISSUER, role="Operator"),
    "rsa 2048": make_leaf(ROOT, key=rsa_key()),
    "no extended key usage": make_leaf(ROOT, usages=None),
    "client only": make_leaf(ROOT, usages=[CLIENT]),
    "no role": make_leaf(ROOT),
    "two roles": make_leaf(ROOT, role="Operator", role_der=[b"\x0c\x05Admin"]),
    "a role of 64 KB": make_leaf(ROOT, role_der=[b"\x0c\x83\x01\x00\x00" + b"r" * 65_536]),
}

BAD = {
    "none": (None, "no certificate was sent"),
    "expired": (make_leaf(ROOT, not_after=YESTERDAY), "its certificate has expired"),
    "not yet valid": (make_leaf(ROOT, not_before=TOMORROW), "its certificate is not yet valid"),
    "foreign": (make_leaf(FOREIGN), "its authority is unknown: the root of its chain is not trusted here"),
    "foreign, without its root": (
        Credential((make_leaf(FOREIGN, key=OPERATOR.key).certificate,), OPERATOR.key),
        "its authority is unknown: no trusted certificate issued it",
    ),
    "self-signed": (make_leaf(None), "its certificate is self-signed and not among the trusted ones"),
    "for servers only": (
        make_leaf(ROOT, usages=[SERVER]),
        "its certificate is not meant for this use (extended key usage or key usage)",
    ),
    "the root itself": (ROOT, "its certificate is not meant for this use (extended key usage or key usage)"),
    "rsa 1024": (make_leaf(ROOT, key=rsa_key(1024)), "the key of its certificate is too weak"),
    "critical role": (
        make_leaf(ROOT, role="Operator", role_critical=True),
        "its certificate has a critical extension that is not known here",
    ),
    "below a leaf": (
        make_leaf(make_leaf(ROOT, "no authority")),
        "a certificate in its chain is used as an authority and is not one",
    ),
    "below too long a path": (
        make_leaf(make_root("two", issuer=make_root("one", issuer=ROOT, path_length=0))),
        "its chain is longer than an authority in it allows",
    ),
    "below an expired issuer": (
        make_leaf(make_root("Old issuer", issuer=ROOT, not_after=YESTERDAY)),
        "its certificate has expired",
    ),
}


@both_versions
@pytest.mark.parametrize("kind", GOOD)
def test_a_certificate_that_leads_to_the_anchor_is_accepted(tmp_path: Path, kind: str, version: ssl.TLSVersion) -> None:
    credential = GOOD[kind]
    server, _ = handshake(_server(tmp_path), careless_client(tmp_path, credential, version=version))
    assert server.getpeercert(binary_form=True) == credential.der
    assert PeerVerifier(_trust(tmp_path)).peer(server, NOW).chain[-1] == ROOT.der


@both_versions
@pytest.mark.parametrize("kind", BAD)
def test_every_other_certificate_is_refused_with_its_reason(tmp_path: Path, kind: str, version: ssl.TLSVersion) -> None:
    credential, reason = BAD[kind]
    with pytest.raises(ssl.SSLError) as caught:
        handshake(_server(tmp_path), careless_client(tmp_path, credential, version=version))
    assert explain_tls_error(caught.value) == reason


@both_versions
@pytest.mark.needs("openssl")
@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_a_weakly_signed_certificate_is_refused(tmp_path: Path, digest: str, version: ssl.TLSVersion) -> None:
    root = make_root("RSA root", key=rsa_key())
    weak = weakly_signed(tmp_path, root, digest=digest)
    trust = Trust.load(save_trust(tmp_path / "ca.crt", root))
    server = build_server_context(_identity(tmp_path, SERVER_LEAF), trust)
    with pytest.raises(ssl.SSLError) as caught:
        handshake(server, careless_client(tmp_path, weak, version=version))
    assert explain_tls_error(caught.value) == "a signature in its chain is too weak (SHA-1 or MD5)"


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_versions_before_1_2_are_refused(tmp_path: Path, version: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = careless_client(tmp_path, OPERATOR, version=ssl.TLSVersion[version])
    with pytest.raises(ssl.SSLError) as caught:
        handshake(_server(tmp_path), client)
    assert "no TLS version that is allowed here" in explain_tls_error(caught.value)


SUITES = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "ecdsa"),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", "ecdsa"),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "ecdsa"),
    ("ECDHE-ECDSA-AES128-CCM8", "ecdsa"),
    ("ECDHE-RSA-AES128-GCM-SHA256", "rsa"),
    ("ECDHE-RSA-CHACHA20-POLY1305", "rsa"),
    ("ECDHE-RSA-AES256-GCM-SHA384", "rsa"),
]


@pytest.mark.parametrize(("suite", "kind"), SUITES)
def test_a_server_with_both_kinds_of_certificate_serves_clients_of_both_kinds(
    tmp_path: Path, suite: str, kind: str
) -> None:
    client = careless_client(tmp_path, OPERATOR, version=TLS_1_2, ciphers=suite)
    _, end = handshake(_server(tmp_path, SERVER_LEAF, RSA_SERVER_LEAF), client)
    cipher = end.cipher()
    assert cipher is not None
    assert cipher[0] == suite
    assert end.getpeercert(binary_form=True) == {"ecdsa": SERVER_LEAF, "rsa": RSA_SERVER_LEAF}[kind].der


def test_the_server_chooses_suites_in_the_order_of_secure_sunspec(tmp_path: Path) -> None:
    offered = [suite for suite, kind in SUITES if kind == "ecdsa"]
    server = _server(tmp_path)
    chosen = []
    for number in range(len(offered)):
        wish = ":".join(reversed(offered[number:]))
        _, end = handshake(server, careless_client(tmp_path, OPERATOR, version=TLS_1_2, ciphers=wish))
        chosen.append((end.cipher() or ("",))[0])
    assert chosen == offered


@pytest.mark.parametrize(
    "suite",
    [
        "NULL-SHA256",
        "AES128-SHA256",
        "AES128-SHA",
        "AES128-GCM-SHA256",
        "AECDH-AES128-SHA",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-NULL-SHA",
        "DHE-RSA-AES128-GCM-SHA256",
    ],
)
def test_suites_without_encryption_forward_secrecy_or_a_good_mac_are_refused(tmp_path: Path, suite: str) -> None:
    client = careless_client(tmp_path, OPERATOR, version=TLS_1_2, ciphers=suite)
    with pytest.raises(ssl.SSLError) as caught:
        handshake(_server(tmp_path, SERVER_LEAF, RSA_SERVER_LEAF), client)
    assert explain_tls_error(caught.value) == "there is no cipher suite in common"


@pytest.mark.parametrize(
    ("options", "suite"),
    [
        (TlsOptions(unsafe_v21_cbc=True), "AES128-SHA256"),
        (TlsOptions(unsafe_null_encryption=True), "NULL-SHA256"),
    ],
)
def test_suites_of_version_21_need_their_unsafe_setting(tmp_path: Path, options: TlsOptions, suite: str) -> None:
    client = careless_client(tmp_path, OPERATOR, version=TLS_1_2, ciphers=suite)
    _, end = handshake(_server(tmp_path, SERVER_LEAF, RSA_SERVER_LEAF, options=options), client)
    assert (end.cipher() or ("",))[0] == suite


def test_suites_that_encrypt_are_preferred(tmp_path: Path) -> None:
    options = TlsOptions(unsafe_v21_cbc=True, unsafe_null_encryption=True)
    server = _server(tmp_path, RSA_SERVER_LEAF, options=options)
    assert server.get_ciphers()[-1]["name"] == "NULL-SHA256"
    wish = "NULL-SHA256:AES128-SHA256"
    _, end = handshake(server, careless_client(tmp_path, OPERATOR, version=TLS_1_2, ciphers=wish))
    assert (end.cipher() or ("",))[0] == "AES128-SHA256"


def test_a_client_that_offers_both_puts_the_suite_without_encryption_last(tmp_path: Path) -> None:
    options = TlsOptions(unsafe_v21_cbc=True, unsafe_null_encryption=True)
    client = build_client_context(_identity(tmp_path, OPERATOR), _trust(tmp_path), options)
    assert client.get_ciphers()[-1]["name"] == "NULL-SHA256"
    assert "NULL-SHA256" not in {suite["name"] for suite in _client(tmp_path).get_ciphers()}


@pytest.mark.parametrize("switch", ["unsafe_v21_cbc", "unsafe_null_encryption"])
def test_an_unsafe_suite_without_an_rsa_certificate_is_an_error(tmp_path: Path, switch: str) -> None:
    options = TlsOptions(unsafe_v21_cbc=switch == "unsafe_v21_cbc", unsafe_null_encryption=switch != "unsafe_v21_cbc")
    with pytest.raises(ConfigError, match="needs an RSA certificate") as caught:
        _server(tmp_path, options=options)
    assert caught.value.key == switch


def test_compression_is_off_in_every_context(tmp_path: Path) -> None:
    """Where OpenSSL was built without compression, this is the only sign of it."""
    assert ssl.OP_NO_COMPRESSION
    for context in (_server(tmp_path), _client(tmp_path)):
        assert context.options & ssl.OP_NO_COMPRESSION


@both_versions
def test_the_whole_chain_is_sent_up_to_the_root_even_if_the_file_leaves_it_out(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    leaf = make_leaf(ISSUER, "plc")
    without_root = Credential(leaf.chain[:2], leaf.key)
    _, end = handshake(_server(tmp_path, without_root), careless_client(tmp_path, OPERATOR, version=version))
    sent = end._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    assert len(sent) == 3


@both_versions
@pytest.mark.parametrize("host", ["plc.example", "PLC.example", "127.0.0.1", "::1"])
def test_a_server_is_accepted_by_each_name_and_address_in_its_certificate(
    tmp_path: Path, host: str, version: ssl.TLSVersion
) -> None:
    handshake(_server(tmp_path), _only(_client(tmp_path), version), host=host)


@both_versions
@pytest.mark.parametrize(
    "host",
    ["other.example", "plc", "127.0.0.2"],  # the common name is plc: it does not count
)
def test_a_server_of_the_same_authority_with_another_name_is_refused(
    tmp_path: Path, host: str, version: ssl.TLSVersion
) -> None:
    with pytest.raises(ssl.SSLError) as caught:
        handshake(_server(tmp_path), _only(_client(tmp_path), version), host=host)
    assert explain_tls_error(caught.value) == "its certificate is for another host: plc.example, 127.0.0.1, ::1"


@both_versions
@pytest.mark.parametrize(
    ("hosts", "sentence"),
    [
        ((), "its certificate names no host; issue it with --host"),
        (("a\x1b[2Jb", "c"), r"its certificate is for another host: a\x1b[2Jb, c"),
        (("h0", "h1", "h2", "h3", "h4"), "its certificate is for another host: h0, h1, h2, h3"),
    ],
)
def test_the_names_of_a_wrong_certificate_are_shown_printable_and_not_all(
    tmp_path: Path, hosts: tuple[str, ...], sentence: str, version: ssl.TLSVersion
) -> None:
    server = _server(tmp_path, make_leaf(ROOT, "plc", hosts=hosts))
    with pytest.raises(ssl.SSLError) as caught:
        handshake(server, _only(_client(tmp_path), version), host="plc.example")
    assert explain_tls_error(caught.value) == sentence


def test_a_client_cannot_dial_without_a_server_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="server_hostname"):
        handshake(_server(tmp_path), _client(tmp_path))


@both_versions
def test_a_client_refuses_a_server_of_another_authority(tmp_path: Path, version: ssl.TLSVersion) -> None:
    foreign = make_leaf(FOREIGN, "plc", hosts=["plc.example"])
    with pytest.raises(ssl.SSLError) as caught:
        handshake(_server(tmp_path, foreign), _only(_client(tmp_path), version), host="plc.example")
    assert "its authority is unknown" in explain_tls_error(caught.value)


WEAK_AUTHORITIES: dict[str, tuple[PrivateKey, str]] = {
    "DSA": (dsa_key(), "its key is DSA; accepted are RSA from 2048 bits"),
    "Ed448": (ed448.Ed448PrivateKey.generate(), "its key is Ed448; accepted are RSA from 2048 bits"),
    "RSA 1024": (rsa_key(1024), "its RSA key has 1024 bits, fewer than 2048"),
}


@both_versions
@pytest.mark.parametrize("kind", WEAK_AUTHORITIES)
def test_a_client_refuses_a_server_below_an_authority_with_a_key_that_is_not_accepted(
    tmp_path: Path, version: ssl.TLSVersion, kind: str
) -> None:
    lowest = TlsOptions(unsafe_null_encryption=True)  # OpenSSL then checks no key
    key, reason = WEAK_AUTHORITIES[kind]
    server = make_leaf(make_root("Weak issuer", issuer=ROOT, key=key), "plc", hosts=["plc.example"], key=rsa_key())
    client = _only(build_client_context(_identity(tmp_path, OPERATOR), _trust(tmp_path), lowest), version)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        handshake(_server(tmp_path, server, options=lowest), client, host="plc.example")
    assert f"the certificate of CN=Weak issuer is refused: {reason}" in explain_tls_error(caught.value)
    handshake(_server(tmp_path, RSA_SERVER_LEAF, options=lowest), client, host="plc.example")


@both_versions
def test_a_client_refuses_a_certificate_that_is_for_clients_only(tmp_path: Path, version: ssl.TLSVersion) -> None:
    server = make_leaf(ROOT, "plc", hosts=["plc.example"], usages=[CLIENT])
    with pytest.raises(ssl.SSLError) as caught:
        handshake(_server(tmp_path, server), _only(_client(tmp_path), version), host="plc.example")
    assert "not meant for this use" in explain_tls_error(caught.value)


REVOKED = make_leaf(ROOT, "stolen", role="Operator")
LISTS = {
    "not on the list": (OPERATOR, [make_crl(ROOT, [REVOKED])], None),
    "revoked": (REVOKED, [make_crl(ROOT, [REVOKED])], "its certificate was revoked"),
    "list out of date": (OPERATOR, [make_crl(ROOT, next_update=YESTERDAY)], "the revocation list is out of date"),
    "list of tomorrow": (OPERATOR, [make_crl(ROOT, last_update=TOMORROW)], "the revocation list is not yet valid"),
    "list of another root": (OPERATOR, [make_crl(FOREIGN)], "there is no revocation list of its issuer"),
    "forged list": (OPERATOR, [make_crl(ROOT, key=FOREIGN.key)], "the signature of the revocation list is wrong"),
    "no list of the issuer": (make_leaf(ISSUER), [make_crl(ROOT)], "there is no revocation list of its issuer"),
    "both lists": (make_leaf(ISSUER), [make_crl(ROOT), make_crl(ISSUER)], None),
    "issuer revoked": (
        make_leaf(ISSUER),
        [make_crl(ROOT, [ISSUER]), make_crl(ISSUER)],
        "its certificate was revoked",
    ),
}


@both_versions
@pytest.mark.parametrize("kind", LISTS)
def test_with_lists_each_certificate_of_a_chain_needs_a_current_one(
    tmp_path: Path, kind: str, version: ssl.TLSVersion
) -> None:
    credential, lists, reason = LISTS[kind]
    trust = Trust.load(save_trust(tmp_path / "ca.crt", ROOT), save_crl(tmp_path / "ca.crl", *lists))
    server = build_server_context(_identity(tmp_path, SERVER_LEAF), trust)
    client = careless_client(tmp_path, credential, version=version)
    if reason is None:
        end, _ = handshake(server, client)
        PeerVerifier(trust).peer(end, NOW)
    else:
        with pytest.raises(ssl.SSLError) as caught:
            handshake(server, client)
        assert explain_tls_error(caught.value) == reason


@both_versions
def test_a_client_checks_the_lists_of_its_servers_too(tmp_path: Path, version: ssl.TLSVersion) -> None:
    lists = save_crl(tmp_path / "ca.crl", make_crl(ROOT, [SERVER_LEAF]))
    trust = Trust.load(save_trust(tmp_path / "ca.crt", ROOT), lists)
    client = build_client_context(_identity(tmp_path, OPERATOR), trust)
    with pytest.raises(ssl.SSLError) as caught:
        handshake(_server(tmp_path), _only(client, version), host="plc.example")
    assert explain_tls_error(caught.value) == "its certificate was revoked"


def test_an_encrypted_key_never_prompts_on_the_terminal(tmp_path: Path) -> None:
    certificate, key = SERVER_LEAF.save(tmp_path, "plc", password=b"secret")
    server = build_server_context(Identity.load(certificate, key, b"secret"), _trust(tmp_path))
    handshake(server, _client(tmp_path), host="plc.example")


def test_a_certificate_too_weak_for_openssl_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OpenSSL rejects this certificate") as caught:
        _server(tmp_path, make_leaf(ROOT, key=rsa_key(1024)))
    assert caught.value.hint


def test_a_pinned_self_signed_device_certificate_is_accepted(tmp_path: Path) -> None:
    pinned = make_leaf(None, "old plc", role="Operator")
    trust = Trust.load([save_trust(tmp_path / "ca.crt", ROOT), save_trust(tmp_path / "pinned.crt", pinned)])
    server, _ = handshake(
        build_server_context(_identity(tmp_path, SERVER_LEAF), trust), careless_client(tmp_path, pinned)
    )
    assert PeerVerifier(trust).peer(server, NOW).role.value == "Operator"


def test_a_context_that_keeps_many_sessions_wants_renewal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealbus.security.contexts._SESSIONS_KEPT", 2)
    server, client = _server(tmp_path), careless_client(tmp_path, OPERATOR)
    found = []
    for _ in range(2):
        found.append(wants_renewal(server))
        end, _ = handshake(server, client)
        with suppress(ssl.SSLWantReadError):
            end.unwrap()  # a session whose connection was not closed in order is dropped
    assert [*found, wants_renewal(server)] == [False, False, True]


def test_the_certificate_factory_has_the_dates_that_these_tests_need() -> None:
    assert LONG_AGO < YESTERDAY < NOW < TOMORROW < FAR_OFF
    assert timedelta(days=2) == TOMORROW - YESTERDAY
