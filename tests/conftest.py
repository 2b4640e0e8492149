"""What every test shares."""

pytest_plugins = ["tests.plugins.noskip", "tests.dynamodb_local"]
