# SPDX-License-Identifier: Apache-2.0
"""A conversation with rtnetlink: requests, dumps, and what the kernel says when it refuses.

Called by `interfaces`, `qdiscs` and `filters`.  A socket belongs to the network namespace its thread was in when
it was opened, so conversations are short: open, ask, close.  It knows nothing of what the messages mean.
"""

from __future__ import annotations

import errno
import struct

from bpfman.errors import KernelRefused
from bpfman.syscalls.attributes import Message, malformed, messages, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Iterator
    from typing import Self

# include/uapi/linux/netlink.h
NLM_F_REQUEST, NLM_F_ACK, NLM_F_ECHO, NLM_F_DUMP_INTR = 0x01, 0x04, 0x08, 0x10
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400  # of requests that make something
NLM_F_DUMP = 0x300  # of requests that ask for something
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200  # of acknowledgements
NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, NLMSG_OVERRUN = 1, 2, 3, 4
NLMSGERR_ATTR_MSG = 1
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11

MAX_ERRNO = 4095  # include/linux/err.h

_BUFFER = 32768  # the most that the kernel puts into one datagram of a dump
_DUMP_TRIES = 10  # a dump that changes under the reader ten times over is worth an error


class RouteSocket:
    """A socket of NETLINK_ROUTE in the calling thread's network namespace, for use in `with`.

    `what` of each call says in an error's text what was being done ("list interfaces").
    """

    def __init__(self) -> None:
        # `socket` costs 7 ms to import, half of what `program list` takes; the class below it does all we need.
        import _socket

        try:
            self._socket: socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _socket.NETLINK_ROUTE)
        except OSError as error:
            raise KernelRefused("open a netlink socket", error.errno or 0) from None
        self._peek = _socket.MSG_PEEK | _socket.MSG_TRUNC
        self._sequence = 0
        try:
            self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
            self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
            self._socket.bind((0, 0))
            self._port: int = self._socket.getsockname()[0]
        except OSError as error:
            self._socket.close()
            raise KernelRefused("set up a netlink socket", error.errno or 0) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def request(self, kind: int, payload: bytes, what: str, flags: int = 0) -> list[Message]:
        """Asks for one thing, and answers what the kernel sent before it acknowledged: the thing that was asked
        for, or with NLM_F_ECHO the notification of the change.  Raises KernelRefused."""
        return self._ask(kind, payload, what, NLM_F_ACK | flags)[0]

    def dump(self, kind: int, payload: bytes, what: str) -> list[Message]:
        """Asks for everything of a kind, again when it changed while it was read (NLM_F_DUMP_INTR), so that the
        answer is one consistent state.  Raises KernelRefused."""
        for _ in range(_DUMP_TRIES):
            found, interrupted = self._ask(kind, payload, what, NLM_F_DUMP)
            if not interrupted:
                return found
        raise KernelRefused(f"{what}: it changed each time it was read", errno.EAGAIN, "try again")

    def _ask(self, kind: int, payload: bytes, what: str, flags: int) -> tuple[list[Message], bool]:
        self._sequence += 1
        question = Message(kind, NLM_F_REQUEST | flags, self._sequence, 0, payload)
        try:
            self._socket.sendto(question.encoded(), (0, 0))
            return read_answer(self._datagrams(), self._sequence, self._port, what)
        except OSError as error:
            raise KernelRefused(what, error.errno or 0) from None

    def _datagrams(self) -> Iterator[bytes]:
        """What arrives, each datagram whole, whatever its size."""
        while True:
            size = self._socket.recv_into(bytearray(1), 0, self._peek)
            datagram, (sender, _) = self._socket.recvfrom(max(size, _BUFFER))
            if sender == 0:  # the kernel; other processes can send to our port too
                yield datagram


def read_answer(
    datagrams: Iterator[bytes], sequence: int, port: int, what: str
) -> tuple[list[Message], bool]:
    """The messages that answer request `sequence`, up to the acknowledgement or the end of the dump, and whether
    what they tell changed meanwhile.  Raises KernelRefused with the kernel's own words, when it refused."""
    found: list[Message] = []
    interrupted = False
    for datagram in datagrams:
        for message in messages(datagram):
            if (message.sequence, message.port) != (sequence, port) or message.type == NLMSG_NOOP:
                continue
            if message.type == NLMSG_OVERRUN:
                raise KernelRefused(what, errno.ENOBUFS)
            interrupted |= bool(message.flags & NLM_F_DUMP_INTR)
            if message.type in (NLMSG_ERROR, NLMSG_DONE):
                _raise_refusal(message, what)
                return found, interrupted
            found.append(message)
    raise malformed("it ends before the acknowledgement")


def _raise_refusal(message: Message, what: str) -> None:
    """Raises what an acknowledgement or a dump's end says went wrong, if something did."""
    if len(message.payload) < 4:
        raise malformed("an acknowledgement without its error")
    (number,) = struct.unpack_from("=i", message.payload)
    if not -MAX_ERRNO <= number <= 0:
        raise malformed(f"an acknowledgement with error {number}")
    if number:
        text = _explanation(message)
        raise KernelRefused(f"{what}: {text}" if text else what, -number)


def _explanation(message: Message) -> str:
    """The kernel's sentence about the refusal, or "": most of its refusals have none."""
    if not message.flags & NLM_F_ACK_TLVS:
        return ""
    return parse(message.payload, _attributes_offset(message)).text(NLMSGERR_ATTR_MSG)


def _attributes_offset(message: Message) -> int:
    """After the error, NLMSG_ERROR repeats the request: its header alone when it was capped."""
    if message.type == NLMSG_DONE:
        return 4
    if message.flags & NLM_F_CAPPED:
        return 4 + 16
    if len(message.payload) < 8:
        raise malformed("an acknowledgement without its request")
    (size,) = struct.unpack_from("=I", message.payload, 4)
    return 4 + ((int(size) + 3) & ~3)
