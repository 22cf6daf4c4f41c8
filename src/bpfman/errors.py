# SPDX-License-Identifier: Apache-2.0
"""Every error bpfman raises, in one tree.

    BpfmanError                  what failed and why; `hint` says what to do next
    ├── InvalidRequest           the request is wrong whatever the machine's state
    │   ├── ObjectError          the object file cannot be what it claims to be
    │   └── TypeMismatch         program and declared type or attach verb disagree
    ├── NotFound                 something named does not exist
    │   ├── ProgramNotFound  LinkNotFound  ChainNotFound  MapNotFound  MapOwnerNotFound
    │   ├── InterfaceNotFound  NamespaceNotFound
    │   ├── TracepointNotFound  SymbolNotFound
    │   └── TargetNotFound  ProcessNotFound
    ├── Conflict                 something else is in the way
    │   ├── AlreadyAttached      this program, twice at one TCX hook
    │   ├── ForeignProgram       somebody else's program or qdisc holds the hook
    │   └── LockTimeout          another writer held the lock for too long
    ├── KernelRefused            a system call failed; carries its errno
    │   └── VerifierRefused      ... and the verifier's whole log
    ├── ChainLimit               a chain that this kernel cannot hold
    ├── Unsupported              this kernel, libbpf or machine lacks something
    ├── StoreError               the database or the runtime directory is unusable
    ├── ConfigurationError       a configuration or policy file says what it cannot mean
    ├── ImageError               an image cannot be had, read or written; says at which step
    │   ├── ImageNotFound        neither the registry nor the archive has it
    │   ├── AccessDenied         the registry asks for other credentials
    │   ├── RegistryFailed       the registry did not answer, or not as registries do
    │   ├── DigestMismatch       what came is not what its digest or size promised
    │   ├── ImageTooLarge        more than bytecode ever needs
    │   ├── MalformedImage       a document or layer that cannot be what it claims to be
    │   ├── PlatformMissing      nothing in it is for this machine
    │   ├── NoBytecode           nothing in it is a BPF object
    │   ├── NotCached            not in the cache, and nothing else may be asked
    │   ├── Untrusted            not by the rules of this machine
    │   │   ├── Unsigned             no signature, where one is demanded
    │   │   ├── SignatureRefused     signatures, and none of them good; says why of each
    │   │   └── CapabilityRefused    a program can do what the rules forbid
    │   ├── TrustMaterialError   a key, certificate or trusted root of one's own cannot be used
    │   └── CacheError           the image cache cannot be read or written
    ├── Interrupted              SIGINT or SIGTERM came before the change was complete
    └── PartialFailure           some of several independent requests failed

The exporters, servers and commands print `str(error)` and, when there is one, `error.hint`.  No exception of
a library crosses a layer: what raises OSError or sqlite3.Error inside is translated where it happens.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class BpfmanError(Exception):
    """What failed and why, in one line; `hint` is what the person can do about it, or empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InvalidRequest(BpfmanError):
    """The request can never work: a bad value, a name that is not in the object, a wrong combination."""


class ObjectError(InvalidRequest):
    """The object file is missing, truncated, crafted, or not for this machine."""


class TypeMismatch(InvalidRequest):
    """The declared type contradicts the section, or the attach verb contradicts the program."""


class NotFound(BpfmanError):
    """Something that the request names does not exist."""


class ProgramNotFound(NotFound):
    def __init__(self, program_id: int, message: str = "", hint: str = "") -> None:
        super().__init__(message or f"program {program_id} does not exist", hint)
        self.program_id = program_id


class LinkNotFound(NotFound):
    def __init__(self, link_id: int, hint: str = "") -> None:
        super().__init__(
            f"link {link_id} does not exist", hint or "`bpfman link list` shows the links there are"
        )
        self.link_id = link_id


class ChainNotFound(NotFound):
    """No chain at that hook."""


class MapNotFound(NotFound):
    """No map of that name or id, or no such key in it."""


class MapOwnerNotFound(NotFound):
    def __init__(self, program_id: int, hint: str = "") -> None:
        super().__init__(f"map_owner_id {program_id} does not exist", hint)
        self.program_id = program_id


class InterfaceNotFound(NotFound):
    """No interface of that name in that network namespace."""


class NamespaceNotFound(NotFound):
    """The network namespace file is missing, or is not one."""


class TracepointNotFound(NotFound):
    """No such tracepoint; the message names near ones."""


class SymbolNotFound(NotFound):
    """No such function or hook in the kernel, or symbol in a file; the message names near ones."""


class TargetNotFound(NotFound):
    """No such program, library, cgroup or other thing to attach to; near ones are named where there are."""


class ProcessNotFound(NotFound):
    """No process of that number, or none that can be watched from here."""


class Conflict(BpfmanError):
    """Something else is in the way."""


class AlreadyAttached(Conflict):
    """The same program is attached to this TCX hook already."""


class ForeignProgram(Conflict):
    """Somebody else's program or qdisc holds the hook; it is left alone."""


class LockTimeout(Conflict):
    def __init__(self, path: str, timeout: str) -> None:
        super().__init__(
            f"timed out waiting for lock {path} (--lock-timeout={timeout})",
            "another bpfman command is still changing something; wait for it or pass a longer --lock-timeout",
        )


class KernelRefused(BpfmanError):
    """A system call failed.  `errno` is its number."""

    def __init__(self, what: str, errno: int, hint: str = "") -> None:
        super().__init__(f"{what}: {self._why(errno)}", TOO_MANY_FILES.get(errno) or hint)
        self.errno = errno

    def _why(self, errno: int) -> str:
        return _OWN_WORDS.get(errno) or os.strerror(errno)


# ENFILE and EMFILE, which have nothing to do with what was tried.
TOO_MANY_FILES = {
    23: "the whole machine has too many open files: raise sysctl fs.file-max",
    24: "too many open files: raise the limit (ulimit -n)",
}

# Numbers that the kernel keeps for itself, and lets out all the same (include/linux/errno.h).
_OWN_WORDS = {524: "Operation not supported"}  # ENOTSUPP


class VerifierRefused(KernelRefused):
    """The verifier refused a program.  `log` is its whole log, as the kernel wrote it."""

    def __init__(self, what: str, errno: int, log: str, hint: str = "") -> None:
        super().__init__(what, errno, hint)
        self.log = log

    def _why(self, errno: int) -> str:
        """The verifier's errno alone misleads: "Permission denied" is what it calls any unsafe access."""
        if errno in TOO_MANY_FILES:
            return super()._why(errno)
        return f"the kernel's verifier refused it ({super()._why(errno)})"


class ChainLimit(BpfmanError):
    """A chain that the kernel cannot hold; the message names the member and the limit."""


class Unsupported(BpfmanError):
    """This kernel, libbpf or machine lacks something that the request needs."""


class StoreError(BpfmanError):
    """The database or the runtime directory cannot be read or written."""


class ConfigurationError(BpfmanError):
    """A configuration or policy file cannot be read, or says what it cannot mean; the message names it and the key."""


class ImageError(BpfmanError):
    """An image cannot be had, read or written.  The message names the image or the file, and the step."""


class ImageNotFound(ImageError):
    """There is no image, manifest or blob of that name."""


class AccessDenied(ImageError):
    """The registry answered 401 or 403."""


class RegistryFailed(ImageError):
    """The registry cannot be reached, did not answer in time, or answered what no registry should."""


class DigestMismatch(ImageError):
    """Bytes that are not those whose digest and size were asked for; they were thrown away."""


class ImageTooLarge(ImageError):
    """Something in the image is larger than what bytecode ever needs."""


class MalformedImage(ImageError):
    """A manifest, an index, a configuration, a layer or an archive that cannot be what it claims to be."""


class PlatformMissing(ImageError):
    """The image holds nothing for the machine's architecture."""


class NoBytecode(ImageError):
    """The image holds no BPF object."""


class NotCached(ImageError):
    """The image is not in the cache, and it was not to be looked for elsewhere."""


class Untrusted(ImageError):
    """The image may not be used by the rules of this machine."""


class Unsigned(Untrusted):
    """A signature is demanded, and the image has none."""


class SignatureRefused(Untrusted):
    """The image has signatures, and none of them is good.  `refusals` has (signature, step, why) of each."""

    def __init__(self, message: str, refusals: Sequence[tuple[str, str, str]], hint: str = "") -> None:
        super().__init__(message, hint)
        self.refusals = tuple(refusals)


class CapabilityRefused(Untrusted):
    """A program can do what this machine's rules forbid to programs of that image."""


class TrustMaterialError(ImageError):
    """A key, a certificate or a trusted root that somebody on this machine configured cannot be used."""


class CacheError(ImageError):
    """The image cache cannot be read or written."""


class Interrupted(BpfmanError):
    """A signal came before the change was complete; what had been done was undone."""


class PartialFailure(BpfmanError):
    """Some of several independent requests failed.  `failures` has (what, error) pairs, in request order."""

    def __init__(self, message: str, failures: Sequence[tuple[str, BpfmanError]]) -> None:
        super().__init__(message)
        self.failures = tuple(failures)
