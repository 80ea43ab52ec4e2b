"""Products: their pages, lists of them, and search."""

from __future__ import annotations

from typing import Any, Final

from beamlens.demo.shop.cache import PageCache
from beamlens.demo.shop.database import Database
from beamlens.demo.shop.pricing import Prices
from beamlens.demo.shop.switches import Switches

__all__ = ["Catalogue", "pages"]

_PAGES: Final = 300
_ROWS_OF_A_PAGE: Final = 120
_SEARCH: Final = """
SELECT p.id, p.name, p.price FROM products p WHERE p.category = ? ORDER BY p.price LIMIT 40
"""
_SEARCH_RANKED: Final = """
SELECT p.id, p.name, p.price,
       (SELECT AVG(r.stars) FROM reviews r WHERE r.product + 0 = p.id) AS stars
FROM products p WHERE p.category = ? AND p.price BETWEEN 2000 AND 3600 ORDER BY stars DESC LIMIT 40
"""

pages: Final = PageCache(_PAGES)
"""The rendered product pages, one for each visitor, since each sees prices of their own."""


class Catalogue:
    """Show products. Any thread."""

    def __init__(self, database: Database, prices: Prices, switches: Switches) -> None:
        self._database = database
        self._prices = prices
        self._switches = switches

    def page(self, product: int, visitor: str) -> str:
        """Return a product's page as this visitor sees it.

        Raises:
            LookupError: there is no such product.
        """
        pages.max_entries = None if self._switches.cache else _PAGES
        return pages.get(f"{product}:{visitor}", lambda: self._render(product, visitor))

    def search(self, category: str) -> list[dict[str, Any]]:
        """Return the products of a category."""
        sql = _SEARCH_RANKED if self._switches.query else _SEARCH
        return [{"id": row["id"], "name": row["name"], "price": row["price"]} for row in self.rows(sql, category)]

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Return the rows of a query."""
        return self._database.query(sql, *values)

    def _render(self, product: int, visitor: str) -> str:
        found = self.rows("SELECT * FROM products WHERE id = ?", product)
        if not found:
            raise LookupError(f"there is no product {product}")
        row = found[0]
        price = self._prices.of(row["price"], row["campaign"])
        others = self.rows(
            "SELECT name, price FROM products WHERE category = ? LIMIT ?", row["category"], _ROWS_OF_A_PAGE
        )
        items = "".join(f"<li><a href='#'>{other['name']}</a> {other['price'] / 100:.2f}</li>" for other in others)
        return f"<h1>{row['name']}</h1><p>{price / 100:.2f} for {visitor}</p><ul>{items}</ul>"
