"""Which files of a project are read: everything below the root that neither .gitignore nor the settings leave out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from msgspec import Struct

from lint_rules.deploy.formats import HIDDEN_DIRECTORIES, format_of
from lint_rules.settings import Settings
from lint_rules.source.patterns import Patterns


class Listing(Struct):
    """The files found below a root, by their paths relative to it (with `/`), and the directories looked into ("" = root)."""

    files: list[str]
    """Python files."""
    directories: list[str]
    ignore_files: list[str]
    unreadable: list[tuple[str, str]]
    """Directories that could not be listed, with the reason."""
    deploy: list[str] = []
    """Files that may start workers, by their names."""
    named: list[str] = []
    """Those that the setting `deploy-files` names."""


def discover(
    root: str, settings: Settings, unsaved: Iterable[str] = (), look_at: Callable[[list[str]], None] = lambda files: None
) -> Listing:
    """The project's Python files and deployment files, sorted. Links to directories are not followed, so loops cannot happen.

    `unsaved` are files that exist in an editor, perhaps not on the disk yet. `look_at` is given the files as they are found.
    """
    excluded = Patterns([*settings.exclude, *settings.extend_exclude])
    also = Patterns([*settings.deploy_files])
    listing = Listing([], [], [], [])
    pending: list[tuple[str, tuple[tuple[str, Patterns], ...]]] = [("", ())]
    while pending:
        directory, specs = pending.pop()
        try:
            with os.scandir(os.path.join(root, directory)) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            listing.unreadable.append((directory, error.strerror or str(error)))
            continue
        listing.directories.append(directory)
        prefix = f"{directory}/" if directory else ""
        in_hidden = any(part in HIDDEN_DIRECTORIES for part in directory.split("/"))
        for entry in found:
            if entry.name == ".gitignore":
                listing.ignore_files.append(prefix + entry.name)
                try:
                    with open(entry.path, encoding="utf-8", errors="replace") as file:
                        specs = (*specs, (prefix, Patterns(file.read().splitlines())))
                except OSError:
                    continue
        known = len(listing.files)
        for entry in found:
            path = prefix + entry.name
            try:
                is_directory = entry.is_dir(follow_symlinks=False)
                if is_directory:
                    hidden = in_hidden or entry.name in HIDDEN_DIRECTORIES
                    if hidden and _left_out(path + "/", Patterns([]), specs):
                        continue
                    if (hidden or not _left_out(path + "/", excluded, specs)) and not _is_generated(entry.path):
                        pending.append((path, specs))
                elif entry.name.endswith(".py") and not in_hidden and not _left_out(path, excluded, specs):
                    if entry.is_file():
                        listing.files.append(path)
                    elif entry.is_symlink() and not os.path.exists(entry.path):
                        listing.unreadable.append((path, "the link leads nowhere, or to itself"))
                elif also.says(path):
                    listing.named.append(path)
                elif format_of(entry.name) is not None and not _left_out(path, excluded, specs) and entry.is_file():
                    listing.deploy.append(path)
            except OSError as error:  # a link that leads to itself
                listing.unreadable.append((path, error.strerror or str(error)))
        look_at(listing.files[known:])
    for path in unsaved:
        if path.endswith(".py") and not os.path.lexists(os.path.join(root, path)) and not _inside(path, excluded):
            listing.files.append(path)
            look_at([path])
    for listed in (listing.files, listing.deploy, listing.named):
        listed.sort()
    return listing


def _left_out(path: str, excluded: Patterns, ignored: Iterable[tuple[str, Patterns]]) -> bool:
    if excluded.says(path):
        return True
    left_out: bool | None = None
    for prefix, patterns in ignored:
        said = patterns.says(path[len(prefix) :])
        left_out = left_out if said is None else said
    return bool(left_out)


def _inside(path: str, excluded: Patterns) -> bool:
    """Whether a file, or a directory it lies in, is excluded."""
    parents = [path[: place + 1] for place, character in enumerate(path) if character == "/"]
    return any(excluded.says(each) for each in (*parents, path))


def _is_generated(path: str) -> bool:
    """Whether a directory is a virtual environment or a cache, under any name."""
    return os.path.exists(os.path.join(path, "pyvenv.cfg")) or os.path.exists(os.path.join(path, "CACHEDIR.TAG"))
