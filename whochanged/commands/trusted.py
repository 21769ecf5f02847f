"""What `gateways list` and `keys list` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whochanged.commands import common

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from capture.trust import Trusted


def tell(found: Sequence[Trusted], zone: tzinfo, none: str, *, as_json: bool) -> None:
    """Print gateways or keys; where there are none, say so by *none*, which is talk."""
    from whochanged.output.machine import to_json
    from whochanged.output.trust import print_trusted, trusted_document

    if as_json:
        for one in found:
            common.out().write(to_json(trusted_document(one)) + "\n")
    elif found:
        print_trusted(common.data(), found, zone)
    if not found:
        common.talk().print(none)
