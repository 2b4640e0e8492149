"""What every test shares."""

import os

pytest_plugins = ["tests.plugins.noskip", "tests.plugins.rights", "tests.dynamodb_local"]

# What is packaged is made by `make test-package`, which says for which processor.
collect_ignore = [] if os.environ.get("BACKOUT_PACKAGES") else ["package"]
