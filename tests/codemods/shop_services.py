"""What do the tasks of fixtures/shop talk to? Its partners, a mail relay, a database and pictures, all on this machine."""

from __future__ import annotations

import ipaddress
import json
import socketserver
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

from PIL import Image

DAY = "2024-05-02"
"""All orders are of this day."""

PAYOUTS = [{"reference": "po-1", "amount": "12.50"}, {"reference": "po-2", "amount": "8.00"}]
ANSWERS: dict[str, object] = {
    "/gateway/payments": {"transaction": "t-1", "status": "authorised"},
    "/gateway/charges": {"transaction": "t-2"},
    "/gateway/payouts": {"items": PAYOUTS},
    "/carrier/labels": {"code": "parcel-1", "pdf": "https://parcels.example/1.pdf"},
    "/warehouse/reservations": {"number": "r-1"},
    "/warehouse/stock": {"units": 7},
    "/warehouse/prices": [{"sku": "SHOE-1", "price": "31.00"}],
    "/search/products": {"hits": []},
    "/push": {"accepted": 1},
    "/feeds/prices.json": [{"sku": "SHOE-1", "price": 29.5}, {"sku": "UNKNOWN", "price": 1}],
    "/uploads": {},
}
"""What the shop's partners answer, by the beginning of the path."""
STATUS = {"/warehouse/reservations": 201, "/push": 202}


class Partners(BaseHTTPRequestHandler):
    """The payment gateway, the carrier, the warehouse, the search index, the push service and the suppliers."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/pictures/"):
            return self.send(200, "image/png", picture())
        found = next((start for start in ANSWERS if self.path.startswith(start)), None)
        if found is None:
            return self.send(404, "text/plain", b"no such partner")
        return self.send(STATUS.get(found, 200), "application/json", json.dumps(ANSWERS[found]).encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def do_CONNECT(self) -> None:
        """Literal https:// addresses come here, for this is the proxy: nothing leaves the machine."""
        self.send(403, "text/plain", b"no network in tests")

    def send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class MailRelay(socketserver.StreamRequestHandler):
    """Takes every mail (as much SMTP as smtplib speaks)."""

    def handle(self) -> None:
        self.wfile.write(b"220 relay\r\n")
        for line in self.rfile:
            match line.split()[:1]:
                case [b"DATA" | b"data"]:
                    self.wfile.write(b"354 go on\r\n")
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                    self.wfile.write(b"250 taken\r\n")
                case [b"QUIT" | b"quit"]:
                    self.wfile.write(b"221 bye\r\n")
                    return
                case _:
                    self.wfile.write(b"250 ok\r\n")


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    """The server in a thread of its own; gives its port."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def partners_and_relay() -> Iterator[dict[str, str]]:
    """The servers; gives the part of the shop's environment that says where they are."""
    with ExitStack() as stack:
        http = stack.enter_context(serving(ThreadingHTTPServer(("127.0.0.1", 0), Partners)))
        smtp = stack.enter_context(serving(MailServer(("127.0.0.1", 0), MailRelay)))
        partners = f"http://127.0.0.1:{http}"
        proxies = {"HTTPS_PROXY": partners, "HTTP_PROXY": partners, "NO_PROXY": "127.0.0.1,localhost"}
        yield {
            "SHOP_GATEWAY_URL": f"{partners}/gateway",
            "SHOP_CARRIER_URL": f"{partners}/carrier",
            "SHOP_WAREHOUSE_URL": f"{partners}/warehouse",
            "SHOP_SEARCH_URL": f"{partners}/search",
            "SHOP_PUSH_URL": f"{partners}/push",
            "SHOP_SMTP_HOST": "127.0.0.1",
            "SHOP_SMTP_PORT": str(smtp),
            **proxies,
            **{name.lower(): value for name, value in proxies.items()},
        }


def picture() -> bytes:
    """A small PNG of many colours."""
    buffer = BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(buffer, format="PNG")
    return buffer.getvalue()


def data_directory(directory: Path) -> Mapping[str, str]:
    """Pictures, a list of customers and the addresses of countries; gives the part of the shop's environment that says where."""
    media = directory / "media"
    media.mkdir(parents=True)
    for name in ("thumbnails", "watermark", "publish", "recompress", "palette"):
        (media / f"{name}.png").write_bytes(picture())
    (media / "customers.csv").write_text("email,name,locale\nxenia@shop.example,Xenia,it\nyves@shop.example,Yves,it\n")
    geo = directory / "geo.sqlite3"
    with closing(sqlite3.connect(geo)) as connection, connection:
        first, last = (int(ipaddress.ip_address(address)) for address in ("192.0.2.0", "192.0.2.255"))
        connection.execute("CREATE TABLE ranges (first INTEGER, last INTEGER, country TEXT)")
        connection.execute("INSERT INTO ranges VALUES (?, ?, 'DE')", (first, last))
    database = directory / "shop.sqlite3"
    return {
        "SHOP_MEDIA_ROOT": str(media),
        "SHOP_GEO_DATABASE": str(geo),
        "SHOP_DATABASE_URL": f"sqlite:///{database}?timeout=30",  # seconds to wait for the other writers
    }


def fill_database() -> None:
    """Create the shop's tables, with as many rows as no two tasks need the same (in a process that can import the shop)."""
    from shop.db.models import Base, Customer, Order, OrderLine, Payout, Product
    from shop.db.session import get_engine, transaction

    Base.metadata.create_all(get_engine())
    noon = datetime.fromisoformat(f"{DAY}T12:00:00").replace(tzinfo=UTC)
    with transaction() as session:
        for number in range(1, 13):
            locale = "fr" if number == 12 else "de"
            email = f"customer{number}@shop.example"
            session.add(Customer(id=number, email=email, full_name=f"Customer {number}", locale=locale, last_ip="192.0.2.7"))
        shoe = {"sku": "SHOE-1", "title": "Brown shoes", "category": "shoes", "image_path": "watermark.png", "stock": 0}
        boot = {"sku": "BOOT-2", "title": "Black boots", "category": "boots", "image_path": "lost.png", "stock": 50}
        session.add_all([Product(id=1, price=Decimal("30.00"), **shoe), Product(id=2, price=Decimal("70.00"), **boot)])
        for number in range(1, 8):
            lines = [OrderLine(product_id=2, quantity=1, unit_price=Decimal("30.00"))]
            order = {"customer_id": number, "total": Decimal("30.00"), "payment_reference": f"p-{number}", "created_at": noon}
            session.add(Order(id=number, lines=lines, **order))
        session.add(Payout(reference="po-1", amount=Decimal("12.50")))
