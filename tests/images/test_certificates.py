# SPDX-License-Identifier: Apache-2.0
"""A registry's own authority is believed for that registry, and for no other."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from bpfman.errors import ImageError, RegistryFailed
from bpfman.images.reference import parse_reference
from bpfman.images.registry.certificates import context_of, directory_of
from bpfman.images.registry.registry import Registry
from tests.images.conftest import HASTE
from tests.images.samples import put_image
from tests.images.small_registry import small_registry


def test_the_users_directory_is_found_by_host_and_port(home, environment, authority):
    assert directory_of("registry.example:5000", environment) is None
    authority.believed_by(home, "registry.example:5000")
    assert (
        directory_of("registry.example:5000", environment)
        == f"{home}/.config/containers/certs.d/registry.example:5000"
    )
    assert directory_of("registry.example", environment) is None


def test_the_authority_is_added_to_the_systems(home, environment, authority):
    before = context_of(None).cert_store_stats()["x509_ca"]
    authority.believed_by(home, "a")
    assert context_of(directory_of("a", environment)).cert_store_stats()["x509_ca"] == before + 1


def test_a_certificate_of_ours_needs_its_key(tmp_path, authority):
    (tmp_path / "client.cert").write_bytes(authority.server.read_bytes())
    with pytest.raises(ImageError, match=r"client\.cert: No such file"):
        context_of(str(tmp_path))
    (tmp_path / "client.key").write_bytes(authority.key.read_bytes())
    context_of(str(tmp_path))


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(tmp_path, authority):
    (tmp_path / "client.cert").write_bytes(authority.server.read_bytes())
    command = ["openssl", "pkey", "-in", authority.key, "-aes256", "-passout", "pass:secret"]
    subprocess.run([*command, "-out", tmp_path / "client.key"], check=True, capture_output=True)
    with pytest.raises(ImageError, match=r"client\.cert") as refused:
        context_of(str(tmp_path))
    assert "no passphrase" in refused.value.hint


def test_a_registry_that_wants_to_know_who_asks_is_shown_our_certificate(home, environment, authority):
    context = authority.context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    with small_registry(context, "localhost") as registry:
        put_image(registry, b"x")
        authority.believed_by(home, registry.host)
        reference = parse_reference(f"{registry.host}/acme/meter")
        with (
            Registry(reference, environment=environment, patience=HASTE) as client,
            pytest.raises(RegistryFailed, match="TLS: "),
        ):
            client.manifest()
        directory = home / ".config/containers/certs.d" / registry.host
        (directory / "client.cert").write_bytes(authority.server.read_bytes())
        (directory / "client.key").write_bytes(authority.key.read_bytes())
        with Registry(reference, environment=environment, patience=HASTE) as client:
            assert client.manifest()


def test_what_is_no_certificate_is_named(tmp_path):
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(ImageError, match=r"cannot use the certificate .*ca\.crt"):
        context_of(str(tmp_path))


def test_the_authority_of_one_registry_is_not_believed_for_another(home, environment, authority):
    """A redirect leads to a host with a certificate of the same authority, which is the first host's only."""
    with (
        small_registry(authority.context(), "localhost") as first,
        small_registry(authority.context(), "127.0.0.1") as second,
    ):
        authority.believed_by(home, first.host)
        first.misbehave(
            "GET", "manifests", lambda h: h.reply(307, Location=f"{second.url}/v2/a/manifests/latest")
        )
        reference = parse_reference(f"{first.host}/a")
        with (
            Registry(reference, environment=environment, patience=HASTE) as registry,
            pytest.raises(RegistryFailed, match="certificate verify failed") as refused,
        ):
            registry.manifest()
        assert second.host in str(refused.value)
        assert second.seen == []


def test_a_certificate_for_another_name_is_refused(home, environment, authority):
    with small_registry(authority.context(), "127.0.0.2") as registry:
        authority.believed_by(home, registry.host)
        reference = parse_reference(f"{registry.host}/a")
        with (
            Registry(reference, environment=environment, patience=HASTE) as client,
            pytest.raises(RegistryFailed, match=r"IP address mismatch.*127\.0\.0\.2"),
        ):
            client.manifest()
