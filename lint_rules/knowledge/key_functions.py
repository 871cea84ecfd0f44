"""What functions of libraries make of a value on its way into a key.

Sources: the standard library's documentation; Django `django/utils/crypto.py`, `django/core/cache/utils.py`; <https://docs.celeryq.dev/>.
"""

from __future__ import annotations

SAME = frozenset(
    {
        "builtins.str",
        "builtins.bytes",
        "builtins.ascii",
        "urllib.parse.quote",
        "urllib.parse.quote_plus",
        "urllib.parse.unquote",
        "html.escape",
    }
    | {
        "django.utils.encoding.force_str",
        "django.utils.encoding.force_bytes",
        "django.utils.encoding.smart_str",
        "django.utils.text.slugify",
    }
    | {
        "django.utils.encoding.smart_bytes",
        "django.utils.encoding.iri_to_uri",
        "base64.b64encode",
        "base64.urlsafe_b64encode",
        "sys.intern",
    }
    | {"django.utils.http.urlquote", "django.utils.http.urlencode", "urllib.parse.urlencode", "slugify.slugify", "builtins.sorted"}
    | {"builtins.tuple", "builtins.list", "django.utils.http.urlsafe_base64_encode"}
)
"""The first argument again, as text."""

SAME_METHODS = frozenset(
    {"encode", "decode", "lower", "upper", "strip", "lstrip", "rstrip", "casefold", "title", "replace", "zfill", "ljust", "rjust", "hex"}
    | {"removeprefix", "removesuffix", "isoformat", "copy", "geturl"}
)
"""Methods that give their receiver again, as text."""

NUMBERS = frozenset({"builtins.int", "builtins.len", "builtins.float", "builtins.round", "builtins.abs", "builtins.sum", "builtins.bool"})

DIGESTS = (
    *("hashlib.", "hmac.", "xxhash.", "mmh3.", "farmhash.", "cityhash.", "zlib.crc32", "zlib.adler32", "binascii.crc32", "uuid.uuid3"),
    *("uuid.uuid5", "django.utils.crypto.salted_hmac", "blake3.", "django.contrib.auth.hashers.make_password"),
)
"""Beginnings of the paths of functions that nobody can turn back."""

DIGEST_METHODS = frozenset({"hexdigest", "digest", "intdigest"})

RANDOM = (
    *("uuid.uuid4", "uuid.uuid1", "secrets.", "os.urandom", "random.", "django.utils.crypto.get_random_string", "shortuuid."),
    *("nanoid.", "ulid."),
)

NOW = (
    *(
        "time.time",
        "time.monotonic",
        "time.perf_counter",
        "time.gmtime",
        "time.localtime",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
    ),
    *(
        "datetime.datetime.today",
        "django.utils.timezone.now",
        "django.utils.timezone.localtime",
        "pendulum.now",
        "arrow.utcnow",
        "arrow.now",
    ),
)

DATES = ("datetime.date.today", "django.utils.timezone.localdate", "pendulum.today")

JSON = frozenset(
    {"json.dumps", "simplejson.dumps", "ujson.dumps", "orjson.dumps", "flask.json.dumps", "rapidjson.dumps", "kombu.utils.json.dumps"}
)

FRAGMENT = "django.core.cache.utils.make_template_fragment_key"

BUILDERS = frozenset({"celery_best_practices.build_cache_key", "celery_best_practices.cache_key.build_cache_key"})
