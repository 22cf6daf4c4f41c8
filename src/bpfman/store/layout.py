# SPDX-License-Identifier: Apache-2.0
"""Where everything lies under the runtime directory.  Other programs rely on these paths: they do not change.

Called by everything that opens, pins or publishes.  Except for `create`, nothing here touches the file system;
mounting the BPF file system on `fs` is the manager's.
"""

from __future__ import annotations

import os

from bpfman.errors import InvalidRequest, ObjectError
from bpfman.model.value import NamedTuple
from bpfman.store.failures import cannot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.hook import Hook

DIRECTORY_MODE = 0o755
FILE_MODE = 0o644


class Layout(NamedTuple):
    """The paths of one runtime directory.  Made with `layout_of` where the directory comes from a person."""

    runtime_dir: str = "/run/bpfman"

    @property
    def lock(self) -> str:
        """The writer lock."""
        return f"{self.runtime_dir}/.lock"

    @property
    def database_dir(self) -> str:
        return f"{self.runtime_dir}/db"

    @property
    def database(self) -> str:
        return f"{self.database_dir}/store.db"

    @property
    def audit_dir(self) -> str:
        """The audit trail, unless the configuration says where."""
        return f"{self.runtime_dir}/audit"

    @property
    def fs(self) -> str:
        """The mount point of the BPF file system."""
        return f"{self.runtime_dir}/fs"

    def program_pin(self, program_id: int) -> str:
        return f"{self.fs}/prog_{program_id}"

    def map_dir(self, map_set_id: int) -> str:
        return f"{self.fs}/maps/{map_set_id}"

    def map_pin(self, map_set_id: int, name: str) -> str:
        """`name` is the map's full name in its object; ObjectError for one that would leave the directory."""
        return f"{self.map_dir(map_set_id)}/{_file_name(name)}"

    @property
    def shared_dir(self) -> str:
        return f"{self.fs}/shared"

    def shared_map(self, name: str) -> str:
        """The pin of a LIBBPF_PIN_BY_NAME map; ObjectError for a name that would leave the directory."""
        return f"{self.shared_dir}/{_file_name(name)}"

    def link_pin(self, link_id: int) -> str:
        """The pin of a link that is neither a chain's nor TCX.  A number, because bpffs refuses names with dots."""
        return f"{self.fs}/links/{link_id}"

    def tcx_pin(self, hook: Hook, program_id: int) -> str:
        return f"{self.fs}/{hook.type}/link_{hook.nsid}_{hook.ifindex}_{program_id}"

    def chain_dir(self, hook: Hook) -> str:
        return f"{self.fs}/{hook.type}/{hook.nsid}_{hook.ifindex}"

    def chain_link(self, hook: Hook) -> str:
        """The XDP link of a hook."""
        return f"{self.chain_dir(hook)}/link"

    def chain_program(self, hook: Hook) -> str:
        """The composed program of a hook."""
        return f"{self.chain_dir(hook)}/chain"

    def accounting(self, hook: Hook) -> str:
        """The counters of a hook's members."""
        return f"{self.chain_dir(hook)}/accounting"

    @property
    def programs_dir(self) -> str:
        return f"{self.runtime_dir}/programs"

    def program_dir(self, program_id: int) -> str:
        return f"{self.programs_dir}/{program_id}"

    def bytecode(self, program_id: int) -> str:
        """Our own copy of the object that the program was loaded from."""
        return f"{self.program_dir(program_id)}/bytecode.o"

    def provenance(self, program_id: int) -> str:
        return f"{self.program_dir(program_id)}/provenance.json"

    @property
    def staging(self) -> str:
        """Publications in progress."""
        return f"{self.programs_dir}/.staging"


def layout_of(runtime_dir: str) -> Layout:
    """The layout of a directory as typed.  InvalidRequest unless it is absolute."""
    if not runtime_dir.startswith("/") or "\0" in runtime_dir:
        raise InvalidRequest(
            f'invalid runtime directory: "{runtime_dir}" is not an absolute path',
            "give --runtime-dir (or BPFMAN_RUNTIME_DIR) a path that begins with /",
        )
    return Layout(os.path.normpath("/" + runtime_dir.lstrip("/")))


def create(layout: Layout) -> None:
    """Makes the directories that are missing, mode 0755 whatever the umask.  StoreError where that fails."""
    try:
        os.makedirs(os.path.dirname(layout.runtime_dir), exist_ok=True)
    except OSError as error:
        raise cannot("create", os.path.dirname(layout.runtime_dir), error) from error
    for path in (layout.runtime_dir, layout.database_dir, layout.programs_dir, layout.staging, layout.fs):
        make_directory(path)


def make_directory(path: str) -> None:
    """Makes one directory, or finds it; StoreError where something else is in its place."""
    try:
        os.mkdir(path)
        os.chmod(path, DIRECTORY_MODE)
    except OSError as error:
        if not (isinstance(error, FileExistsError) and os.path.isdir(path)):
            raise cannot("create", path, error) from error


def _file_name(name: str) -> str:
    """A name from an object file that nobody vouches for, as one path component."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ObjectError(
            f"map {name!r} cannot be pinned: its name is not a file name",
            "rename the map in the program's source, without slashes",
        )
    return name
