"""Off by default: `make interoperability` switches these tests on."""

import os

if os.environ.get("INTEROPERABILITY") != "true":
    collect_ignore_glob = ["test_*.py"]
