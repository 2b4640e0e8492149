"""What every test shares."""

pytest_plugins = ["tests.plugins.noskip", "tests.plugins.rights", "tests.dynamodb_local"]
