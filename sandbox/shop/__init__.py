"""A pretend web shop whose health depends on the image that the cluster runs."""

from sandbox.shop.alerting import shop_rules
from sandbox.shop.behaviours import ImageBehaviour
from sandbox.shop.storefront import Shop

__all__ = ["ImageBehaviour", "Shop", "shop_rules"]
