"""Which module is which file, and what each file says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from lint_rules.facts.model import (
    Attr,
    Class,
    Element,
    Entered,
    Expr,
    Function,
    Import,
    Item,
    ModuleFacts,
    OneOf,
    Ref,
    Scope,
    Seq,
)

Found = TypeVar("Found")


class Loader(Protocol):
    """Whoever reads files. Facts are None for a file that cannot be read."""

    def facts(self, files: list[str]) -> Mapping[str, ModuleFacts | None]:
        """The facts of files."""

    def content(self, file: str) -> bytes:
        """The bytes of a file. Raises Unreadable."""

    def files_naming(self, files: list[str], names: Iterable[str]) -> list[str]:
        """The files in which one of the names stands."""

    def begin_naming(self, files: list[str], names: Iterable[str]) -> None:
        """Begin with what `files_naming` will be asked."""

    def request(self, file: str) -> None:
        """Begin to read a file; `receive` gives its facts."""

    def receive(self) -> Mapping[str, ModuleFacts | None]:
        """The facts of the file that was requested first (waits for it), none where nothing is requested."""


class NotLoaded(Exception):
    """The facts of `file` are needed and not there yet."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


class Module:
    """One loaded module: its facts, indexed by name."""

    def __init__(self, file: str, name: str, is_package: bool, facts: ModuleFacts) -> None:
        self.file = file
        self.name = name
        self.is_package = is_package
        self.facts = facts
        self.functions: dict[str, Function] = {function.qualname: function for function in facts.functions}
        self.classes: dict[str, Class] = {class_.qualname: class_ for class_ in facts.classes}
        self.members: dict[str, dict[str, list[Function | Class]]] = {}
        items: list[Function | Class] = [*facts.functions, *facts.classes]
        for item in items:
            self.members.setdefault(item.parent, {}).setdefault(item.name, []).append(item)
        self._imports: dict[str, dict[str, list[Import]]] = {}
        self._bindings: dict[str, dict[str, list[int]]] = {}
        self._followed: dict[str, frozenset[str]] = {}

    def scope(self, qualname: str) -> Scope:
        """The body of a function or class, "" for the module's own."""
        if not qualname:
            return self.facts.body
        owner = self.functions.get(qualname) or self.classes[qualname]
        return owner.body

    def followed(self, qualname: str) -> frozenset[str]:
        """The names in a function whose value decides what it calls: receivers, and what is handed on."""
        found = self._followed.get(qualname)
        if found is None:
            scope = self.scope(qualname)
            names: set[str] = set()
            pending: list[Expr] = list(scope.withs) + list(scope.returns) + list(scope.yields)
            for call in scope.calls:
                pending += [call.func, *call.args, *(value for _, value in call.keywords)]
            pending += [binding.value for binding in scope.bindings]
            for expr in pending:
                names.update(_heads(expr))
            for function in self.facts.functions:
                if function.parent == qualname:
                    names |= self.followed(function.qualname)
            found = self._followed[qualname] = frozenset(names)
        return found

    def imports(self, qualname: str) -> dict[str, list[Import]]:
        """The imports in a scope by the name they bind."""
        found = self._imports.get(qualname)
        if found is None:
            found = self._imports[qualname] = {}
            for item in self.scope(qualname).imports:
                found.setdefault(item.name, []).append(item)
        return found

    def bindings(self, qualname: str) -> dict[str, list[int]]:
        """The indexes of the bindings in a scope by their target."""
        found = self._bindings.get(qualname)
        if found is None:
            found = self._bindings[qualname] = {}
            for index, binding in enumerate(self.scope(qualname).bindings):
                found.setdefault(binding.target, []).append(index)
        return found


class ModuleIndex:
    """The project's files as importable modules.

    A file's module name starts below the nearest directory that is no package (has no `__init__.py`); files in namespace packages
    can also be imported by their path from a source root.
    """

    def __init__(self, files: Iterable[str], source_roots: Iterable[str], loader: Loader) -> None:
        self.files = list(files)
        self._loader = loader
        self._requested: set[str] = set()
        self._modules: dict[str, Module | None] = {}
        self._names: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = {}
        self._siblings: set[tuple[str, str]] = set()
        """(name, file): importable by that bare name from its own directory alone, as scripts import each other."""
        self._namespaces: set[str] = set()
        self._model_files: dict[str, list[str]] | None = None
        self._settings_files: list[str] | None = None
        self._roots = sorted({root.strip("/.") for root in source_roots}, key=len, reverse=True)
        packages = {file[: -len("__init__.py")].rstrip("/") for file in self.files if file.endswith("__init__.py")}
        self._tops = {directory: _top(directory, packages) for directory in {file.rpartition("/")[0] for file in self.files}}
        self._package_roots = sorted({self._tops[package] for package in packages}, key=len, reverse=True)
        for file in self.files:
            self._register(file, packages)

    def _register(self, file: str, packages: set[str]) -> None:
        directory = file.rpartition("/")[0]
        root = self._tops[directory]
        names = [_dotted(file[len(root) + 1 if root else 0 :])]
        roots = self._roots
        if directory not in packages:  # below a package all the same: a part of it without `__init__.py`
            roots = [each for each in self._package_roots if _under(file, each, packages)]
            roots = [*roots, *(each for each in self._roots if each not in roots)]
        for source in roots:
            if source != root and (not source or file.startswith(source + "/")):
                name = _dotted(file[len(source) + 1 if source else 0 :])
                if name not in names:
                    names.append(name)
        inside_package = directory in packages
        primary = names[0] if inside_package or len(names) == 1 else names[1]
        self._names[file] = primary
        if len(names) > 1 and not inside_package and directory not in self._roots:
            self._siblings.add((names[0], file))
        for name in names:
            if not name:
                continue
            self._by_name.setdefault(name, []).append(file)
            prefix = "" if (name, file) in self._siblings else name
            while prefix and prefix not in self._namespaces:
                self._namespaces.add(prefix)
                prefix = prefix.rpartition(".")[0]

    def name(self, file: str) -> str:
        """The module name under which the file is most likely imported."""
        return self._names[file]

    def names(self, file: str) -> list[str]:
        """All names under which the file can be imported."""
        return [name for name, files in self._by_name.items() if file in files]

    def find(self, name: str, importer: str) -> str | None:
        """The file of module `name` as imported from the file `importer`; the nearest one where several fit."""
        candidates = self._by_name.get(name)
        if not candidates:
            return None
        if self._siblings:
            here = importer.rpartition("/")[0]
            candidates = [
                file for file in candidates if (name, file) not in self._siblings or (file != importer and file.rpartition("/")[0] == here)
            ]
            if not candidates:
                return None
        if len(candidates) == 1:
            return candidates[0]
        return max(candidates, key=lambda file: (_shared(file, importer), -len(file)))

    def has_namespace(self, name: str) -> bool:
        """Whether the project has a module of the dotted name `name`, or modules below it."""
        return name in self._namespaces

    def model_files(self, label: str) -> list[str]:
        """Where the Django app of that label keeps its models."""
        if self._model_files is None:
            self._model_files = {}
            for file in self.files:
                parts = file.split("/")
                if parts[-1] == "models.py" and len(parts) > 1:
                    self._model_files.setdefault(parts[-2], []).append(file)
                elif len(parts) > 2 and parts[-2] == "models":
                    place = 0 if parts[-1] == "__init__.py" else len(self._model_files.get(parts[-3], ()))
                    self._model_files.setdefault(parts[-3], []).insert(place, file)
        return self._model_files.get(label, [])

    def settings_files(self) -> list[str]:
        """The files that look like Django settings: `settings.py`, or modules of a `settings` package."""
        if self._settings_files is None:
            self._settings_files = [
                file for file in self.files if file.endswith("/settings.py") or file == "settings.py" or "/settings/" in f"/{file}"
            ]
        return self._settings_files

    def absolute(self, file: str, module: str, level: int) -> str | None:
        """The dotted name that an import in `file` means; None where a relative one leaves the top package."""
        if not level:
            return module
        parts = self._names[file].split(".")
        if not file.endswith("__init__.py"):
            parts = parts[:-1]
        drop = level - 1
        if drop > len(parts) or (drop == len(parts) and drop):
            return None
        base = parts[: len(parts) - drop]
        if not base and not file.count("/"):
            return None
        return ".".join([*base, *([module] if module else [])]) or None

    def module(self, file: str) -> Module | None:
        """The loaded module, None where the file cannot be read.

        Raises:
            NotLoaded: it has to be loaded first (`load`).
        """
        try:
            return self._modules[file]
        except KeyError:
            raise NotLoaded(file) from None

    def load(self, files: Iterable[str]) -> None:
        """Read the facts of files that are not loaded yet."""
        missing = [file for file in files if file not in self._modules]
        if missing:
            self._take(self._loader.facts(missing))

    def read_each(self, files: list[str], read: Callable[[Module], Iterable[Found]]) -> dict[str, list[Found]]:
        """What `read` gives of each file, by file; one that needs another module first is read again when that is there."""
        found: dict[str, list[Found]] = {}
        while files:
            missing: set[str] = set()
            later = []
            for file in files:
                module = self.module(file)
                try:
                    found[file] = list(read(module)) if module is not None else []
                except NotLoaded as needed:
                    missing.add(needed.file)
                    later.append(file)
            self.load(missing)
            files = later
        return found

    def naming(self, texts: list[str], files: list[str] | None = None) -> list[str]:
        """The files (of all, where none are given) in which one of the texts stands."""
        return self._loader.files_naming(self.files if files is None else files, texts)

    def begin_naming(self, texts: list[str]) -> None:
        """Begin to look for what `naming` will be asked, while others are worked on."""
        self._loader.begin_naming(self.files, texts)

    def content(self, file: str) -> bytes:
        """The bytes of a file below the root. Raises Unreadable."""
        return self._loader.content(file)

    def request(self, file: str) -> None:
        """Begin to load a file; others can be worked on meanwhile."""
        if file not in self._requested and file not in self._modules:
            self._requested.add(file)
            self._loader.request(file)

    def receive(self) -> list[str]:
        """Wait until the file that was requested first is loaded; that file."""
        return self._take(self._loader.receive())

    def _take(self, found: Mapping[str, ModuleFacts | None]) -> list[str]:
        for file, facts in found.items():
            name = self._names.get(file, "")
            self._modules[file] = None if facts is None else Module(file, name, file.endswith("__init__.py"), facts)
        return list(found)

    def loaded(self) -> list[Module]:
        """All modules read so far, by file."""
        return [module for _, module in sorted(self._modules.items()) if module is not None]


def _top(directory: str, packages: set[str]) -> str:
    """The nearest directory at or above that is no package: from there a module is imported."""
    while directory and directory in packages:
        directory = directory.rpartition("/")[0]
    return directory


def _under(file: str, root: str, packages: set[str]) -> bool:
    """Whether a file lies in a package that stands directly below `root`."""
    if root and not file.startswith(root + "/"):
        return False
    first = file[len(root) + 1 if root else 0 :].partition("/")[0]
    return (f"{root}/{first}" if root else first) in packages


def _dotted(path: str) -> str:
    path = path[:-3]
    if path == "__init__":
        return ""
    if path.endswith("/__init__"):
        path = path[: -len("/__init__")]
    return path.replace("/", ".")


def _shared(one: str, other: str) -> int:
    """How many leading directories two paths have in common."""
    count = 0
    for a, b in zip(one.split("/")[:-1], other.split("/")[:-1]):
        if a != b:
            break
        count += 1
    return count


def _heads(expr: Expr) -> Iterable[str]:
    """The first names of an expression's references."""
    pending: list[Expr] = [expr]
    while pending:
        part = pending.pop()
        if isinstance(part, Ref):
            yield part.path.partition(".")[0]
        elif isinstance(part, (Attr, Item, Element, Entered)):
            pending.append(part.base)
        elif isinstance(part, Seq):
            pending += part.items
        elif isinstance(part, OneOf):
            pending += part.options
