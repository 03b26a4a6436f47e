"""The site on PostgreSQL and Valkey: migrations, cache and an idle channel layer."""

import asyncio
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
from channels.layers import BaseChannelLayer
from channels_redis.core import RedisChannelLayer

from config import backends, shared_cache
from tests.servers import TramServer
from tests.services.servers import Valkey

pytestmark = pytest.mark.services
# redis-py 8 would drop a connection that is idle for 5 s if it were let.
LONGER_THAN_REDIS_PY_WAITS_SECONDS = 6


@pytest.mark.slow
def test_the_site_runs_on_postgresql_and_valkey(
    postgresql_url: str, valkey_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE tram_site")
    env = {
        "DATABASE_URL": postgresql_url.replace("/postgres", "/tram_site"),
        "REDIS_URL": valkey_url,
    }
    server = TramServer(tmp_path / "site", env=env, relay=False)
    server.manage("migrate", "--verbosity", "0")
    with server:
        answer = httpx.get(server.url + "/accounts/login/", follow_redirects=True)
        assert answer.status_code == 200
        assert not (server.data_dir / "tram.sqlite3").exists()


def test_the_cache_is_shared(valkey_url: str) -> None:
    settings = backends.cache(valkey_url)
    assert settings["LOCATION"] == valkey_url
    assert redis.Redis.from_url(valkey_url).ping()


def test_while_redis_is_away_each_process_counts_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_cache, "LOOK_AGAIN_SECONDS", 0.0)
    server = Valkey(tmp_path)
    options = backends.cache(server.url)
    cache = shared_cache.SharedCache(options["LOCATION"], options)
    assert cache.add("wrong-passwords", 1)
    assert cache.incr("wrong-passwords") == 2
    server.start()
    try:
        assert cache.get("wrong-passwords") is None
        cache.set("wrong-passwords", 7)
        other = shared_cache.SharedCache(options["LOCATION"], options)
        assert other.get("wrong-passwords") == 7
    finally:
        server.stop()
    assert cache.get("wrong-passwords") == 2


async def test_an_idle_channel_still_gets_its_message(valkey_url: str) -> None:
    config = backends.channel_layer(valkey_url)["CONFIG"]
    layer: BaseChannelLayer = RedisChannelLayer(**config)
    channel = await layer.new_channel()
    waiting = asyncio.ensure_future(layer.receive(channel))
    await asyncio.sleep(LONGER_THAN_REDIS_PY_WAITS_SECONDS)
    assert not waiting.done()
    await layer.send(channel, {"type": "revoked"})
    assert (await asyncio.wait_for(waiting, 5))["type"] == "revoked"
    await layer.close_pools()  # type: ignore[attr-defined]
