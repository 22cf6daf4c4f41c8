# SPDX-License-Identifier: Apache-2.0
"""Images as text and JSON."""

from __future__ import annotations

from bpfman.cli.render.layout import table
from bpfman.cli.render.times import rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from bpfman.images.cache import Entry
    from bpfman.images.inspecting import Inspected, Inspection
    from bpfman.images.manifest import Descriptor
    from bpfman.images.pulling import Pulled
    from bpfman.manager.images import BuildArgs

    Json = dict[str, Any]


def cached_table(entries: list[Entry]) -> list[str]:
    """A digest's beginning is enough to remove the image, and leaves room for its name; JSON has it whole."""
    from bpfman.images.cache.naming import short

    headers = ("IMAGE", "PLATFORM", "DIGEST", "SIZE", "PULLED")
    rows = (
        (
            entry.reference,
            entry.platform,
            short(entry.digest),
            f"{entry.size}B",
            rfc3339(entry.pulled_at)[:10],
        )
        for entry in entries
    )
    return table(headers, rows)


def cached_json(entry: Entry) -> Json:
    return {
        "reference": entry.reference,
        "platform": entry.platform,
        "digest": entry.digest,
        "size": entry.size,
        "programs": dict(entry.programs),
        "maps": dict(entry.maps),
        "pulled_at": rfc3339(entry.pulled_at),
        "used_at": rfc3339(int(entry.used_at)),
        **entry.verdict._asdict(),
    }


def pulled_line(pulled: Pulled) -> str:
    """An image in a file is looked at, and no more: it is at hand already."""
    from bpfman.images.transport.location import parse_location

    fetched = parse_location(pulled.reference).reference is not None
    word = "cached" if pulled.from_cache else "pulled" if fetched else "checked, not kept"
    return f"{word}: {pulled.reference} {pulled.digest}"


def pulled_json(pulled: Pulled) -> Json:
    return {
        "reference": pulled.reference,
        "digest": pulled.digest,
        "from_cache": pulled.from_cache,
        "size": len(pulled.data),
        "programs": dict(pulled.labels.programs),
        "maps": dict(pulled.labels.maps),
    }


def inspection_json(reference: str, found: Inspection) -> Json:
    shown: Json = {"reference": reference, "digest": found.digest, "media_type": found.media_type}
    if found.image is not None:
        shown |= _image_json(found.image)
    else:
        shown["annotations"] = dict(found.annotations)
        shown["manifests"] = [
            {**_entry_json(each.descriptor), **_image_json(each)} for each in found.manifests
        ]
    return {**shown, **read_from_json(found.source, found.pulled_at)}


def read_from_json(source: str, pulled_at: int | None) -> Json:
    """Where something was read, and as of when if that is not now."""
    return {"source": source} if pulled_at is None else {"source": source, "pulled_at": rfc3339(pulled_at)}


def _entry_json(descriptor: Descriptor) -> Json:
    shown = _descriptor_json(descriptor)
    return {**shown, "platform": str(descriptor.platform)} if descriptor.platform else shown


def _image_json(image: Inspected) -> Json:
    shown: Json = {
        "programs": dict(image.labels.programs),
        "maps": dict(image.labels.maps),
        "layers": [_descriptor_json(layer) for layer in image.layers],
        "annotations": dict(image.annotations),
        "capabilities": image.capabilities.as_json() if image.capabilities else None,
    }
    return {**shown, "problem": image.problem} if image.problem else shown


def _descriptor_json(descriptor: Descriptor) -> Json:
    return {"digest": descriptor.digest, "media_type": descriptor.media_type, "size": descriptor.size}


def build_args_json(found: BuildArgs) -> Json:
    return {
        "platforms": list(found.platforms),
        "build_args": dict(found.arguments),
        "programs": dict(found.programs),
        "maps": dict(found.maps),
    }


def build_args_lines(found: BuildArgs) -> list[str]:
    """NAME=VALUE lines, of which the last two hold JSON."""
    import json

    labels = {"PROGRAMS": found.programs, "MAPS": found.maps}
    lines = [f"{name}={path}" for name, path in found.arguments.items()]
    return lines + [
        f"{name}={json.dumps(dict(value), separators=(',', ':'), sort_keys=True)}"
        for name, value in labels.items()
    ]
