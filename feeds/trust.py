"""The certificates that connections trust, defined once for the websocket, REST and other calls.

The operating system's authorities, or those that ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name, which
is OpenSSL's own convention. Nothing else of the environment affects where a connection goes or what
it sends: no proxy (``HTTP_PROXY``, ``ALL_PROXY``, …), no ``.netrc``, no key log.
"""

import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from feeds.errors import TrustInvalid


def tls() -> ssl.SSLContext:
    """Return a context that checks certificates and host names.

    Raises:
        TrustInvalid: if the environment names authorities that cannot be read.
    """
    # Not `ssl.create_default_context`, which opens whatever SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    file, directory = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if directory and not all(Path(each).is_dir() for each in directory.split(os.pathsep)):
        raise TrustInvalid(variable="SSL_CERT_DIR", path=directory, why="is no directory")
    if file:
        try:
            context.load_verify_locations(cafile=file)
        except (OSError, ValueError) as error:
            raise TrustInvalid(variable="SSL_CERT_FILE", path=file, why=str(error)) from error
    context.load_default_certs()
    return context


def http_options(url: str) -> dict[str, Any]:
    """Return the options of an HTTP client for a URL: its trust, and no redirects or proxies.

    Raises:
        TrustInvalid: if the URL uses TLS, and `tls` raises.
    """
    return {
        "trust_env": False,
        "follow_redirects": False,
        "verify": urlsplit(url).scheme != "http" and tls(),
    }
