"""The user's cache folder, for files that can be made again."""

from pathlib import Path

from marskit.errors import UserError


class CacheError(UserError):
    """The user's cache folder cannot be used; the message is one sentence for a person."""


def user_cache() -> Path:
    """The cache folder of marskit: `~/.cache/marskit`, or as `XDG_CACHE_HOME` or the platform says.

    The folder is not created.

    Raises:
        CacheError: `XDG_CACHE_HOME` is a relative path, or there is no home folder.
    """
    # Imported only when needed, to keep the command line light.
    import platformdirs

    folder = platformdirs.user_cache_path("marskit", appauthor=False)
    if not folder.is_absolute():
        raise CacheError(f"The cache folder is {folder}; XDG_CACHE_HOME must be an absolute path")
    return folder
