"""Which network calls may never leave the machine: those of the storage that a Django project configures."""

from __future__ import annotations

PERHAPS_LOCAL = ("django.db.models.FileField()", "django.db.models.ImageField()", "django.core.files.")


def may_be_local(path: str) -> bool:
    """Whether a library path only reads and writes where the configured storage keeps files, which is the local disk by default."""
    return path.startswith(PERHAPS_LOCAL)
