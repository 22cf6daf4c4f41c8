# SPDX-License-Identifier: Apache-2.0
"""An OCI image layout (image-layout.md of the OCI image specification 1.1), read and written.

Called for `oci:` and `oci-archive:`.  Names of images are the annotation `org.opencontainers.image.ref.name` of the
entries in index.json, as skopeo, podman and buildah use it.
"""

from __future__ import annotations

from bpfman.errors import ImageNotFound, InvalidRequest, MalformedImage
from bpfman.images import digest as digests
from bpfman.images import documents, limits
from bpfman.images.manifest import OCI_INDEX, Document, ImageIndex, document_of, parse_manifest
from bpfman.images.transfer import as_json, check_blob, check_size, fallback_tag, referrer_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from bpfman.images.manifest import Descriptor
    from bpfman.images.transport.files import Archive, Folder

REF_NAME = "org.opencontainers.image.ref.name"
_CONTAINERD_NAME = "io.containerd.image.name"
_INDEX, _MARK = "index.json", "oci-layout"


class Layout:
    """One layout, in `with`; `name` is the image meant: a tag, a digest, or empty for the only one."""

    def __init__(self, files: Folder | Archive, name: str, what: str) -> None:
        self._files = files
        self._name = name
        self._what = what

    def __str__(self) -> str:
        return self._what

    def __enter__(self) -> Self:
        self._files.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._files.__exit__(*exception)

    # reading

    def manifest(self, version: str = "") -> Document:
        version = version or self._name
        if digests.is_digest(version):
            return self._read_manifest(version, "")
        document, index = self._index()
        entries = index.manifests
        if not version and _is_one_image(entries):
            return document
        found = [each for each in entries if version in _names(each)] if version else self._images(entries)
        if len(found) != 1:
            raise self._unclear(version, entries, len(found))
        return self._read_manifest(found[0].digest, found[0].media_type)

    def _images(self, entries: tuple[Descriptor, ...]) -> list[Descriptor]:
        """Entries that are images, and not what is attached to one: signatures, bills of materials, lists of those."""
        found = [each for each in entries if not any(map(_is_attached, _names(each)))]
        return found if len(found) < 2 else [each for each in found if not self._subject(each)]

    def _unclear(self, version: str, entries: tuple[Descriptor, ...], found: int) -> ImageNotFound:
        names = sorted({name for each in entries for name in _names(each)})
        there = f"it has {', '.join(names)}" if names else "its images have no names"
        if found:
            return ImageNotFound(
                f"{self._what} has {found} images", f"name one: {self._files}:NAME ({there})"
            )
        return ImageNotFound(
            f'{self._what} has no image "{version}"' if version else f"{self._what} is empty", there
        )

    def _read_manifest(self, digest: str, media_type: str) -> Document:
        what = f"manifest {digest} of {self._what}"
        data = self._files.read(_path(digest), limits.MAX_DOCUMENT)
        digests.check(data, digest, what)
        return Document(data, media_type, digest)

    def blob(self, descriptor: Descriptor) -> bytes:
        what = f"blob {descriptor.digest} of {self._what}"
        check_size(descriptor, what)
        data = self._files.read(_path(descriptor.digest), limits.MAX_BLOB)
        check_blob(data, descriptor, what)
        return data

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """Entries of index.json whose manifests have this subject, and those listed under the fallback tag."""
        entries = self._index()[1].manifests
        listed = [each for each in entries if fallback_tag(digest) in _names(each)]
        found = [each for each in entries if each not in listed and self._subject(each) == digest]
        for each in listed:
            index = parse_manifest(
                self._read_manifest(each.digest, each.media_type), f"the referrers of {digest}"
            )
            if isinstance(index, ImageIndex):
                found += index.manifests
        return tuple({each.digest: each for each in found}.values())

    def _subject(self, entry: Descriptor) -> str:
        document = self._read_manifest(entry.digest, entry.media_type)
        subject = parse_manifest(document, f"manifest {entry.digest} of {self._what}").subject
        return subject.digest if subject else ""

    def _index(self) -> tuple[Document, ImageIndex]:
        self._check_mark()
        document = document_of(self._files.read(_INDEX, limits.MAX_DOCUMENT), OCI_INDEX)
        index = parse_manifest(document, f"{_INDEX} of {self._what}")
        if not isinstance(index, ImageIndex):
            raise MalformedImage(f"{_INDEX} of {self._what} is no index")
        return document, index

    def _check_mark(self) -> None:
        try:
            data = self._files.read(_MARK, limits.MAX_ANSWER)
        except ImageNotFound as error:
            raise ImageNotFound(f"{self._what} is no OCI layout: {error}", self._other_sort()) from None
        mark = documents.read_object(data, f"{_MARK} of {self._what}")
        if not documents.text(mark, "imageLayoutVersion", _MARK).startswith("1."):
            raise MalformedImage(
                f"{self._what} is a layout of version {mark['imageLayoutVersion'][:20]}, expected 1"
            )

    def _other_sort(self) -> str:
        if self._files.has("manifest.json"):
            return f"it looks like what `docker save` writes: docker-archive:{self._files}"
        return "check the path; an archive is named as oci-archive:FILE"

    # writing

    def begin(self) -> None:
        """Make it a layout, if it is not one; called once before anything is written."""
        self._files.begin()
        if not self._files.has(_MARK):
            self._files.write(_MARK, documents.dump({"imageLayoutVersion": "1.0.0"}))
        if not self._files.has(_INDEX):
            self._write_index([])

    def put_blob(self, descriptor: Descriptor, data: bytes) -> None:
        if not self._files.has(_path(descriptor.digest)):
            self._files.write(_path(descriptor.digest), data)

    def put_manifest(self, document: Document, version: str = "") -> None:
        """Under its digest, and under a tag where one is named; a referrer without one is listed in index.json."""
        self._files.write(_path(document.digest), document.data)
        referrer = parse_manifest(document, f"manifest {document.digest}").subject is not None
        if version or referrer:
            self._check_not_one_image()
            self._list(document, version)

    def _check_not_one_image(self) -> None:
        if _is_one_image(self._index()[1].manifests):
            raise InvalidRequest(
                f"{self._what} is itself the index of an image: what is attached to it would change it",
                f"copy it under a name first: bpfman image copy {self._what} oci:DIRECTORY:NAME",
            )

    def put_root(self, document: Document) -> None:
        """As the image that this layout was opened for."""
        if digests.is_digest(self._name) and self._name != document.digest:
            raise InvalidRequest(f"{self._what} cannot hold {document.digest}", "name the image by a tag")
        self._files.write(_path(document.digest), document.data)
        self._list(document, "" if digests.is_digest(self._name) else self._name)

    def _list(self, document: Document, name: str) -> None:
        described = referrer_json(document)
        if name:
            described["annotations"] = {**described.get("annotations", {}), REF_NAME: name}
        rows = [as_json(each) for each in self._index()[1].manifests]
        kept = [row for row in rows if not _replaces(row, document.digest, name)]
        self._write_index([*kept, described])

    def _write_index(self, rows: list[dict[str, Any]]) -> None:
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows}
        self._files.write(_INDEX, documents.dump(index))


def _is_one_image(entries: tuple[Descriptor, ...]) -> bool:
    """Whether index.json is itself the index of one image: platforms, and no names."""
    return len(entries) > 1 and all(each.platform and not _names(each) for each in entries)


def _replaces(row: dict[str, Any], digest: str, name: str) -> bool:
    """Whether a new entry of that digest and name takes the place of `row`."""
    there = row.get("annotations", {}).get(REF_NAME, "")
    return bool(there == name and (name or row["digest"] == digest))


def _is_attached(name: str) -> bool:
    """Whether it is a tag made of a digest, as lists of referrers and cosign's signatures have it."""
    algorithm, dash, rest = name.partition("-")
    return bool(dash) and digests.is_digest(f"{algorithm}:{rest.partition('.')[0]}")


def _path(digest: str) -> str:
    algorithm, _, digits = digest.partition(":")
    return f"blobs/{algorithm}/{digits}"


def _names(entry: Descriptor) -> set[str]:
    return {entry.annotations[key] for key in (REF_NAME, _CONTAINERD_NAME) if key in entry.annotations}
