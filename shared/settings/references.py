"""References to secrets: ``env:NAME``, ``ssm:/path``, ``secretsmanager:name`` or ``…:name#key``."""

SCHEMES = ("env", "ssm", "secretsmanager")


class SecretRef(str):
    """A reference to a secret. It may be shown and logged: it says where the secret is, not what it is."""

    __slots__ = ()

    @property
    def scheme(self) -> str:
        """Which kind of store holds the secret."""
        return self.partition(":")[0]

    @property
    def name(self) -> str:
        """What the secret is called there."""
        return self.partition(":")[2]

    @classmethod
    def parse(cls, value: object) -> "SecretRef":
        """Read a reference. Raises ValueError, without the value: it may be the secret itself."""
        if not isinstance(value, str) or not is_reference(value):
            raise ValueError(
                "expected a reference to a secret (env:NAME, ssm:/path, secretsmanager:name); "
                "a secret itself does not belong here and is not shown"
            )
        return cls(value)


def is_reference(text: str) -> bool:
    """Return whether a text is a reference to a secret."""
    scheme, _, name = text.partition(":")
    return scheme in SCHEMES and bool(name) and name.split() == [name]
