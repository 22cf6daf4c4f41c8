# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with an image or its registry: an error that names the step, and nothing kept or loaded."""

from __future__ import annotations

import os

import pytest

from bpfman.errors import RegistryFailed
from bpfman.images.pulling import ALWAYS, IF_NOT_PRESENT, NEVER
from bpfman.images.transport.location import Access
from bpfman.manager.images import Images
from bpfman.model.program import ProgramSpec
from tests.images.bad import BAD, ELF
from tests.images.conftest import HASTE
from tests.images.samples import put_image
from tests.images.small_registry import small_registry


@pytest.fixture
def images(environment, tmp_path):
    patience = HASTE._replace(attempts=2, read=0.2)
    return Images(
        str(tmp_path / "cache"), access=Access(environment=environment, patience=patience), trust="everybody"
    )


@pytest.fixture
def image(small):
    return f"{small.host}/acme/meter"


@pytest.mark.parametrize("name", BAD)
def test_it_is_a_clear_error_and_leaves_nothing(images, image, small, name):
    bad = BAD[name]
    bad.make(small)
    with pytest.raises(bad.error, match=bad.said) as refused:
        images.pull(image)
    assert small.host in str(refused.value)
    assert str(refused.value).isprintable()
    assert images.cached() == []
    assert not os.path.exists(images.cache.directory)


@pytest.mark.parametrize("name", BAD)
def test_what_was_cached_stays(images, image, small, name):
    put_image(small, ELF)
    images.pull(image)
    small.manifests.clear()
    bad = BAD[name]
    bad.make(small)
    with pytest.raises(bad.error, match=bad.said):
        images.pull(image, ALWAYS)
    assert images.pull(image).data == ELF


@pytest.mark.kernel
@pytest.mark.parametrize("name", BAD)
def test_nothing_is_loaded(images, image, small, manager, name):
    bad = BAD[name]
    bad.make(small)
    with pytest.raises(bad.error, match=bad.said):
        images.load(manager, image, [ProgramSpec("xdp", "xdp_stats")])
    assert manager.programs() == []
    assert images.cached() == []


@pytest.mark.parametrize("policy", [ALWAYS, IF_NOT_PRESENT, NEVER])
def test_a_registry_that_is_gone_is_missed_only_where_it_is_asked(images, policy):
    with small_registry() as registry:
        put_image(registry, ELF)
        image = f"{registry.host}/acme/meter"
        images.pull(image)
    if policy == ALWAYS:
        with pytest.raises(RegistryFailed, match=r"the manifest of .* cannot reach the registry .*refused"):
            images.pull(image, policy)
    else:
        assert images.pull(image, policy).data == ELF
