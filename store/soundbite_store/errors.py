"""What can go wrong in the store.

StoreError
|-- StoreCorrupt        files that cannot be read and could not be healed
|-- StoreTooNew         written by a later Soundbite
|-- StoreFull           no space left on the disk
|-- StoreBusy           another process held a lock for too long
|-- StoreUnavailable    the place named by SOUNDBITE_STORE cannot be reached or written
|-- ExportProblem       the file of an export cannot be written, or is none
|-- SpaceMismatch       vectors of one space offered to the table of another
`-- BadVector           not finite, zero, or of the wrong dimension
"""

from __future__ import annotations


class StoreError(Exception):
    """Anything the store could not do; the message is one sentence for a person."""


class StoreCorrupt(StoreError):
    """Files of the store cannot be read and could not be healed."""


class StoreTooNew(StoreError):
    """A later version of Soundbite wrote this store."""


class StoreFull(StoreError):
    """The disk has no space left; everything written earlier can still be read."""


class StoreBusy(StoreError):
    """Another process held a lock for longer than the caller was ready to wait."""


class StoreUnavailable(StoreError):
    """The store's location cannot be reached, opened or written."""


class ExportProblem(StoreError):
    """The file of an export cannot be written or read, or is none; the message says what to do."""


class SpaceMismatch(StoreError):
    """Vectors of one space were offered to the table of another."""


class BadVector(StoreError):
    """A vector is not finite, is zero, or has the wrong dimension."""
