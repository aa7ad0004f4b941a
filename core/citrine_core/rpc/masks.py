"""Update masks: the fields of a resource that an update changes (AIP-134)."""

from collections.abc import Collection

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from citrine_core.errors import InvalidArgument

__all__ = ["apply_mask"]

EVERYTHING = "*"
"""Path that stands for all fields that can be changed."""


def apply_mask(mask: FieldMask, resource: Message, changeable: Collection[str]) -> list[str]:
    """Return the names of the fields to change, in the order of the message.

    A field that is in the mask and not set in the resource is reset to its default. Without a mask, all changeable
    fields that are set are changed, and output-only fields are ignored, so that a caller may read a resource, change it
    and send it back.

    Args:
        mask: `update_mask` of the request.
        resource: The resource with the new values.
        changeable: Names of the fields that a caller may change.

    Raises:
        InvalidArgument: When a path of the mask is no field of the resource, or can't be changed.
    """
    fields = resource.DESCRIPTOR.fields_by_name
    if not mask.paths:
        return [field.name for field, _ in resource.ListFields() if field.name in changeable]
    wanted = set()
    for path in mask.paths:
        if path == EVERYTHING:
            wanted |= set(changeable)
        elif path in changeable:
            wanted.add(path)
        elif path in fields:
            raise InvalidArgument("update_mask", f"{path} can't be changed")
        else:
            raise InvalidArgument("update_mask", f"{path} is not a field of {resource.DESCRIPTOR.name}")
    return [name for name in fields if name in wanted]
