"""Where an output rests: `StorageLocation` (spec 000 §4.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.contract.checks import Record, Text, Word, number_check
from holdfast.contract.model import WireModel

__all__ = ["StorageLocation"]


class StorageLocation(WireModel):
    """A stored document in the local file system, with what is needed to check it."""

    provider: Word[Literal["local"]] = Field(description="The kind of store; the local file system is the only one.")
    path: Text = Field(description="The file's path.")
    size: Annotated[int, number_check(whole=True, least=0)] = Field(description="Size in bytes.")
    checksum: Text = Field(description="SHA-256 of the content.")
    content_type: Text = Field(description="MIME type of the content.")
    metadata: Record[Text] = Field(description="Further facts about the content.")
