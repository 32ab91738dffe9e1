"""Compiled loops are kept in pytest's own cache folder, from one session to the next."""

import pytest


@pytest.fixture(autouse=True)
def cache_folder(request, monkeypatch):
    folder = request.config.cache.mkdir("loops")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder
