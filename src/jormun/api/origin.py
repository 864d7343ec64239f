"""What a module is made from, and what that means as far as somebody has to know."""

from __future__ import annotations

from jormun.api.contents import Contents
from jormun.api.source import decode_module
from jormun.digest import digest
from jormun.errors import HostError
from jormun.hints import TYPE_CHECKING
from jormun.locks import RLock
from jormun.runtime.blueprint import Blueprint, blueprint_of

if TYPE_CHECKING:
    from jormun.api.config import Config
    from jormun.cache.cache import Cache
    from jormun.cache.kept import KeptModule
    from jormun.runtime.metering.costs import Costs
    from jormun.syntax import module as syntax
    from jormun.validation.module import ValidModule


class Origin:
    """The bytes of a module, which are decoded when something has to be known that the cache does not tell."""

    def __init__(self, contents: Contents, config: Config) -> None:
        self._contents = contents
        self._config = config
        self._digest: bytes | None = None
        self._is_checked = True
        """Whether `_digest` is known to be that of the bytes, and not just that of the file by its times."""
        self._valid: ValidModule | None = None
        self._blueprint: Blueprint | None = None
        self._lock = RLock()

    @property
    def data(self) -> bytes:
        """The bytes of the module, binary or text. Raises HostError if they are not those that the cache knows.

        Code and blueprint of the one must never meet bytes of the other: those would be compiled without validation.
        """
        if not self._is_checked:
            if digest(self._contents.data) != self._digest:
                raise HostError(
                    "the module's file was written to after it was opened, or in a way that its times do not tell of; "
                    "copy it anew, and start again"
                )
            self._is_checked = True
        return self._contents.data

    @property
    def valid(self) -> ValidModule:
        """The module, decoded; it has been validated in this process, or in another one that left its blueprint."""
        with self._lock:
            if self._valid is None:
                from jormun.validation.module import trust

                self._valid = trust(self._decode(is_trusted=True), self._config.features)
            return self._valid

    def validated(self) -> Blueprint:
        """The blueprint of the module, which is decoded and validated."""
        from jormun.validation.module import validate

        self._valid = validate(self._decode(is_trusted=False), self._config.features)
        self._blueprint = blueprint_of(self._valid)
        return self._blueprint

    def find(self, costs: Costs | None = None) -> KeptModule | None:
        """What former processes left of the module, if it may be kept; with `costs`, of its metered code."""
        cache = self._config.code_cache
        if cache is None or cache.size_bytes == 0:
            return None
        from jormun.cache.kept import KeptModule
        from jormun.cache.key import module_key

        settings = [self._config.tier, repr(self._config.features), repr(self._config.tiering)]
        if costs is not None:
            settings.append(repr(costs))
        key = module_key(self._digest_by(cache), *settings)
        return KeptModule(cache, key, self._contents.part, self.describe)

    def describe(self) -> tuple[object, bytes | memoryview]:
        """The blueprint, as the cache keeps it."""
        from jormun.cache.plain import to_plain

        valid = self.valid
        blueprint = blueprint_of(valid) if self._blueprint is None else self._blueprint
        return to_plain(blueprint, valid.module.types, self.data)

    def _digest_by(self, cache: Cache) -> bytes:
        """The digest of the bytes; of a file that the cache has seen, as it notes it."""
        stamp = self._contents.stamp
        if self._digest is None and stamp is not None:
            self._digest = cache.digests.find(stamp)
            self._is_checked = self._digest is None
        if self._digest is None:
            self._digest = digest(self._contents.data)
            if self._contents.stamp is not None:  # it may be lost in reading
                cache.digests.keep(self._contents.stamp, self._digest)
        return self._digest

    def _decode(self, *, is_trusted: bool) -> syntax.Module:
        return decode_module(self.data, self._config.features, is_trusted)
