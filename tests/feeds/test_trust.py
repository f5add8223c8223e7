"""Whom a connection trusts, and what of the environment it does not listen to."""

import ssl
from pathlib import Path

import pytest

from feeds import trust
from feeds.errors import TrustInvalid


def test_certificates_and_names_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no key is logged anywhere."""
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys")

    context = trust.tls()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.keylog_filename is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\x00\xff"])
def test_a_file_of_no_certificates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    """Missing, empty, or something else."""
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with pytest.raises(TrustInvalid, match="SSL_CERT_FILE"):
        trust.tls()


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_clients_of_http_are_not_led_away(scheme: str) -> None:
    """Neither by the environment nor by an answer."""
    options = trust.http_options(f"{scheme}://api.btcmarkets.net/v3")

    assert options["trust_env"] is False
    assert options["follow_redirects"] is False
    assert isinstance(options["verify"], ssl.SSLContext)
