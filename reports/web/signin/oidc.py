"""OpenID Connect: the code flow with PKCE, state and nonce, and an ID token that is believed only where everything agrees.

OpenID Connect Core 1.0, 3.1.3.7, says what an ID token must show; RFC 9700 says the rest (PKCE, and RFC 9207's issuer).
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from reports.web.config import Provider
from reports.web.errors import Refused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures by a key that only the provider has: never by the client's secret (HS...), never none."""

_PATIENCE = 10.0
_KEPT = 3600.0
_LEEWAY = 60
_LARGEST = 1_000_000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that was begun: where to send the browser, and what its return is compared with."""

    address: str
    state: str
    nonce: str
    verifier: str


@dataclass
class Client:
    """What is known of a provider: its addresses, asked for once an hour, and its keys, asked for again when an unknown one signs."""

    provider: Provider
    _known: dict[str, Any] = field(default_factory=dict, init=False)
    _keys: dict[str, Any] | None = field(default=None, init=False)
    _until: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def start(self, redirect: str) -> Started:
        """Begin a sign-in. Raises Refused where the provider cannot be asked."""
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        with self._session(redirect) as session:
            address, state = session.create_authorization_url(
                self._addresses()["authorization_endpoint"],
                state=secrets.token_urlsafe(32),
                code_verifier=verifier,
                nonce=nonce,
            )
        return Started(str(address), str(state), nonce, verifier)

    def finish(self, redirect: str, code: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """Return the claims of who has signed in there. Raises Refused where anything does not agree."""
        known = self._addresses()
        try:
            with self._session(redirect) as session:
                given = session.fetch_token(known["token_endpoint"], code=code, code_verifier=verifier)
                claims = self._claims(given, nonce)
                if "userinfo_endpoint" in known and not self._complete(claims):
                    claims = {**self._userinfo(session, known["userinfo_endpoint"], claims), **claims}
        except (AuthlibBaseError, JoseError, httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Refused(
                403, f"The provider's answer is not to be trusted ({_reason(error)}): sign in again."
            ) from error
        return claims

    def check_issuer(self, given: str | None) -> None:
        """Refuse an answer that another provider gives, or one that ought to say who gives it (RFC 9207)."""
        required = self._addresses().get("authorization_response_iss_parameter_supported") is True
        if given != self.provider.issuer and (given is not None or required):
            raise Refused(403, "The sign-in came back from another provider than it was begun with: sign in again.")

    def _claims(self, given: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        supported = set(self._addresses().get("id_token_signing_alg_values_supported") or ["RS256"])
        registry = JWSRegistry(algorithms=[name for name in ALGORITHMS if name in supported], strict_check_header=False)
        try:
            token = jwt.decode(given["id_token"], key=self._key_set(), registry=registry)
        except InvalidKeyIdError:
            token = jwt.decode(given["id_token"], key=self._key_set(anew=True), registry=registry)
        options = {
            "iss": {"essential": True, "value": self.provider.issuer},
            "aud": {"essential": True, "value": self.provider.client_id},
        }
        parameters = {"nonce": nonce, "client_id": self.provider.client_id, "access_token": given.get("access_token")}
        claims = CodeIDToken(token.claims, token.header, options, parameters)
        claims.validate(leeway=_LEEWAY)
        return dict(claims)

    def _complete(self, claims: Mapping[str, Any]) -> bool:
        provider = self.provider
        return all(claim(claims, name) is not None for name in (provider.name_claim, provider.roles_claim))

    @staticmethod
    def _userinfo(session: Any, address: str, claims: Mapping[str, Any]) -> dict[str, Any]:
        found = _json(session.get(address))
        if found.get("sub") != claims["sub"]:
            raise ValueError("userinfo of somebody else")
        return found

    def _session(self, redirect: str) -> Any:
        return OAuth2Client(
            self.provider.client_id,
            self.provider.client_secret,
            token_endpoint_auth_method=self._method(),
            scope=" ".join(self.provider.scopes),
            redirect_uri=redirect,
            code_challenge_method="S256",
            timeout=_PATIENCE,
            follow_redirects=False,
        )

    def _method(self) -> str:
        """Return how the client says who it is, as the provider takes it."""
        if self.provider.client_secret is None:
            return "none"
        offered = self._addresses().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    def _addresses(self) -> dict[str, Any]:
        """Return what the provider says of itself. Raises Refused where it cannot be reached, or says that it is another one."""
        with self._lock:
            if not self._known or time.monotonic() > self._until:
                found = self._get(self.provider.issuer.rstrip("/") + _DISCOVERY)
                if found.get("issuer") != self.provider.issuer:
                    raise Refused(
                        503,
                        "The provider calls itself by another name than WHOCHANGED_OIDC_ISSUER: correct the setting.",
                    )
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    _check_address(str(found.get(name, "")))
                self._known, self._until = found, time.monotonic() + _KEPT
            return self._known

    def _key_set(self, *, anew: bool = False) -> KeySet:
        address = self._addresses()["jwks_uri"]
        with self._lock:
            if self._keys is None or anew:
                self._keys = self._get(address)
            return KeySet.import_key_set(self._keys)  # type: ignore[arg-type]

    @staticmethod
    def _get(address: str) -> dict[str, Any]:
        _check_address(address)
        try:
            return _json(httpx2.get(address, timeout=_PATIENCE, follow_redirects=False))
        except (httpx2.HTTPError, ValueError) as error:
            raise Refused(503, "The provider of the sign-in cannot be reached: try again in a moment.") from error


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim; one named with dots, that are in no name, from inside objects. None without one."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def claim_list(claims: Mapping[str, Any], name: str) -> list[str]:
    """Return a claim that is a list of words, or one word, or words parted by commas or blanks."""
    found = claim(claims, name)
    if isinstance(found, str):
        return found.replace(",", " ").split()
    return [str(one) for one in found if isinstance(one, str | int)] if isinstance(found, list) else []


def _json(answer: httpx2.Response) -> dict[str, Any]:
    answer.raise_for_status()
    if len(answer.content) > _LARGEST:
        raise ValueError("too large")
    found = answer.json()
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _check_address(address: str) -> None:
    """Refuse plain HTTP beyond this machine: whoever stands between could say who signs in."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise Refused(503, "The provider of the sign-in must be asked by https: correct WHOCHANGED_OIDC_ISSUER.")


def _reason(error: Exception) -> str:
    """Return a short word for what did not agree, which holds nothing that the provider sent."""
    named = getattr(error, "error", None)
    return str(named) if isinstance(named, str) and named.replace("_", "").isalnum() else type(error).__name__
