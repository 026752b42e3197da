"""Connections: the ways to devices, with the form that builds their URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.errors import SealbusError
from sealbus.plant import CommandKind
from sealbus.web.access.actions import Action
from sealbus.web.devices import services
from sealbus.web.devices.models import Command, Connection, Device
from sealbus.web.devices.serializers import ConnectionForm
from sealbus.web.devices.serializers.commands import TestForm
from sealbus.web.devices.services import CommandRequest
from sealbus.web.errors import NotFound
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.plant.collecting import collecting
from sealbus.web.pages.plant.commands import last_commands
from sealbus.web.pages.plant.devices import PlantPage, groups_for
from sealbus.web.pages.plant.editing import ArchivePage, ChangePage, NewPage, RestorePage, RowPage
from sealbus.web.pages.plant.paging import Paged, number_in
from sealbus.web.pages.plant.queries import words_in
from sealbus.web.pages.plant.typed import Kind, Section, Typed
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

__all__ = [
    "ConnectionArchivePage",
    "ConnectionChangePage",
    "ConnectionNewPage",
    "ConnectionPage",
    "ConnectionRestorePage",
    "ConnectionsPage",
    "url_of",
]

_KINDS = (
    ("tcp", _("Modbus TCP")),
    ("mbaps", _("Modbus TCP Security")),
    ("rtu", _("Serial line (RTU)")),
    ("rtu+tcp", _("RTU over TCP")),
    ("ssh+tcp", _("Through SSH")),
)
_PARTS: Mapping[str, tuple[Typed, ...]] = {
    "tcp": (
        Typed("host", _("Address of the device"), hint=_("IP address or name, such as 10.0.0.5."), placeholder="10.0.0.5"),
        Typed("port", _("Port"), Kind.NUMBER, hint=_("Empty: 502, the port of Modbus TCP."), placeholder="502"),
    ),
    "mbaps": (
        Typed("host", _("Address of the gateway or device"), hint=_("The name that its certificate has, or its address."),
              placeholder="gateway.plant.example"),
        Typed("port", _("Port"), Kind.NUMBER, hint=_("Empty: 802, the port of Modbus TCP Security."), placeholder="802"),
        Typed("servername", _("Name in its certificate"), hint=_("Only where it differs from the address.")),
    ),
    "rtu": (
        Typed("port_file", _("Serial port"), hint=_("The device file on the collector's machine."),
              placeholder="/dev/ttyUSB0"),
        Typed("baud", _("Baud rate"), Kind.NUMBER, hint=_("As the device is set. Empty: 19200."), placeholder="19200"),
        Typed("parity", _("Parity"), Kind.CHOICE, choices=(("E", _("even")), ("O", _("odd")), ("N", _("none"))),
              hint=_("As the device is set. Even is the rule of the standard.")),
        Typed("stop", _("Stop bits"), Kind.CHOICE, choices=(("", _("by the standard")), ("1", "1"), ("2", "2")),
              hint=_("By the standard: 1, and 2 without parity.")),
    ),
    "rtu+tcp": (
        Typed("host", _("Address of the converter"), hint=_("The serial converter that passes RTU frames on."),
              placeholder="10.0.0.6"),
        Typed("port", _("Port"), Kind.NUMBER, hint=_("As the converter is set; there is no standard one."),
              placeholder="4001"),
    ),
    "ssh+tcp": (
        Typed("ssh_user", _("User at the SSH server"), placeholder="sealbus"),
        Typed("ssh_host", _("SSH server"), hint=_("Name or address, with :port where it is not 22."),
              placeholder="bastion.example"),
        Typed("host", _("Address of the device behind it"), placeholder="10.0.0.5"),
        Typed("port", _("Port"), Kind.NUMBER, hint=_("Empty: 502."), placeholder="502"),
        Typed("known_hosts", _("File with the server's key"), hint=_("On the collector's machine."),
              placeholder="/etc/sealbus/known_hosts"),
        Typed("key", _("File with the collector's key"), hint=_("On the collector's machine. Never a password."),
              placeholder="/etc/sealbus/bastion_key"),
    ),
}  # fmt: skip


def url_of(kind: str, given: Mapping[str, Any]) -> str:
    """The URL of what was typed into the fields of a kind. The serializer judges it."""
    part = {name: str(given.get(name, "")).strip() for name in
            ("host", "port", "servername", "port_file", "baud", "parity", "stop", "ssh_user", "ssh_host",
             "known_hosts", "key")}  # fmt: skip
    host = f"[{part['host']}]" if ":" in part["host"] and not part["host"].startswith("[") else part["host"]
    where = f"{host}:{part['port']}" if part["port"] else host
    if kind == "rtu":
        options = {name: part[name] for name in ("baud", "parity", "stop") if part[name]}
        return f"rtu://{quote(part['port_file'])}" + (f"?{urlencode(options)}" if options else "")
    if kind == "ssh+tcp":
        options = {name: part[name] for name in ("known_hosts", "key") if part[name]}
        user = f"{part['ssh_user']}@" if part["ssh_user"] else ""
        query = f"?{urlencode(options, safe='/')}" if options else ""
        return f"ssh+tcp://{user}{part['ssh_host']}/{where}{query}"
    query = f"?name={quote(part['servername'])}" if kind == "mbaps" and part["servername"] else ""
    return f"{kind}://{where}{query}"


def _kind_of(url: str) -> str:
    try:
        scheme = parse_endpoint(url).scheme
    except SealbusError:
        return "tcp"
    return scheme.value if scheme is not Scheme.ASCII else "rtu"


class ConnectionsPage(PlantPage):
    """All connections that the caller may see."""

    template = "pages/plant/connections.html"
    title = _("Connections")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        query = request.GET
        is_archived = query.get("archived") == "1"
        found: Any = Connection.objects.visible_to(self.subject)
        found = found.archived() if is_archived else found.live()
        if (group := number_in(query, "group")) is not None:
            found = found.filter(group=group)
        found = found.filter(words_in(query.get("q", ""), "name", "text", "url"))
        page = Paged.of(request, found, found.count())
        live = Count("devices", filter=Q(devices__archived_at__isnull=True))
        rows = found.select_related("group").annotate(device_count=live)[max(0, page.first - 1) : page.last]
        collected = collecting()
        return {
            "page_of": page,
            "rows": [(row, collected.connections.get(row.pk), _problem(collected, row)) for row in rows],
            "collected": collected,
            "groups": groups_for(self.subject),
            "filters": query,
            "is_filtered": any(query.get(name) for name in ("q", "group")),
            "is_archived": is_archived,
            "may_configure": self.subject.rights.allows_anywhere(Action.CONFIGURE),
            "may_make": self.subject.rights.allows(Action.CONFIGURE, None),
        }


def _problem(collected: Any, row: Connection) -> str:
    return str(collected.problems.get(("connection", row.pk), ""))


class ConnectionPage(PlantPage):
    """One connection: its state, its devices, its tests."""

    template = "pages/plant/connection.html"
    title = _("Connection")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        found = Connection.objects.visible_to(self.subject).filter(pk=of_url["pk"]).select_related("group")
        connection = found.first()
        if connection is None:
            raise NotFound
        collected = collecting()
        devices = Device.objects.visible_to(self.subject).live().filter(connection=connection).select_related("group")
        commands = Command.objects.visible_to(self.subject).filter(connection=connection)
        return {
            "title": connection.name,
            "connection": connection,
            "collected": collected,
            "state": collected.connections.get(connection.pk),
            "problem": _problem(collected, connection),
            "devices": devices.order_by("unit_id", "name")[:300],
            "commands": last_commands(commands),
            "settings": [(field, getattr(connection, field.name)) for field in (*_TIMES, *_HABITS)],
            "may_configure": self.subject.rights.allows(Action.CONFIGURE, connection.group_id),
        }


_TIMES = tuple(
    Typed(name, label, Kind.NUMBER, unit=unit, schema="ConnectionForm")
    for name, label, unit in (
        ("timeout_s", _("Time to answer"), "s"),
        ("connect_timeout_s", _("Time to connect"), "s"),
        ("connect_delay_s", _("Pause after connecting"), "s"),
        ("gap_s", _("Pause between requests"), "s"),
        ("turnaround_s", _("Pause on a serial line"), "s"),
        ("in_flight", _("Requests at a time"), ""),
        ("connections", _("Connections at a time"), ""),
    )
)
_HABITS = tuple(
    Typed(name, label, Kind.TICK, hint=hint)
    for name, label, hint in (
        ("lenient_transaction_id", _("Accept wrong transaction ids"), _("Then one request at a time is sent.")),
        ("lenient_unit_id", _("Accept wrong unit ids"), _("Only where one device is behind it.")),
        ("local_echo", _("The line returns what is sent"), _("As many RS-485 adapters do; the test notices it.")),
    )
)


class _ConnectionForm(RowPage):
    model = Connection
    serializer = ConnectionForm
    shown_by = "connection"
    list_of = "connections"
    template = "pages/plant/connection_edit.html"

    def sections(self, row: Any) -> Sequence[Section]:
        groups = [(group.pk, group.name) for group in groups_for(self.subject, Action.CONFIGURE)]
        return (
            Section(_("Names"), (
                Typed("name", _("Name"), hint=_("As people on the site call this line. Empty: its address.")),
                Typed("group", _("Group"), Kind.ROW, choices=groups, required=True,
                      hint=_("Who has a role in this group sees it.")),
            )),
            Section(_("Identity and remark"), (
                Typed("identity", _("Identity"), schema="ConnectionForm"),
                Typed("text", _("Remark")),
                Typed("enabled", _("Use this connection"), Kind.TICK,
                      hint=_("Switched off, it is kept and nothing is polled.")),
            ), is_open=row.pk is not None or self.kind(row) in ("mbaps", "ssh+tcp")),
            Section(_("Times and limits"), _TIMES, is_open=False),
            Section(_("Devices that do not keep the rules"), _HABITS, is_open=False),
        )  # fmt: skip

    def kind(self, row: Any) -> str:
        """The kind whose fields are shown."""
        wanted = self.request.POST.get("kind") or self.request.GET.get("kind") or (_kind_of(row.url) if row.pk else "")
        return wanted if wanted in _PARTS else "tcp"

    def more(self, row: Any) -> dict[str, Any]:
        return {"kinds": _KINDS, "kind": self.kind(row), "parts": _PARTS[self.kind(row)]}

    def typed(self, row: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        url = str(given.get("url", "")).strip() or url_of(self.kind(row), given)
        members = super().typed(row, given) | {"url": url}
        if not str(members.get("name") or "").strip():
            members["name"] = _host_in(url)
        return members

    def answer(self, request: HttpRequest, row: Any, form: Form, **more: Any) -> HttpResponse:
        values = dict(form.values.items())
        if "url" not in values and row.pk is not None:
            values["url"] = row.url
        form.values = values
        return super().answer(request, row, form, **more)

    def after(self, request: HttpRequest, row: Any) -> HttpResponse:
        if request.POST.get("then") != "test":
            return super().after(request, row)
        form = Form()
        commands: list[Command] = []
        with form.attempt():
            unit = request.POST.get("test_unit", "").strip()
            arguments = checked(TestForm, {"unit_id": unit} if unit else {}, self.subject)
            request_of = CommandRequest(kind=CommandKind.TEST, target=row, arguments=arguments)
            commands = services.request_commands(requests=[request_of], subject=self.subject)
        if not form.is_good:
            return super().after(request, row)
        return redirect_to(request, reverse("command", args=[commands[0].pk]))


def _host_in(url: str) -> str:
    try:
        endpoint = parse_endpoint(url)
    except SealbusError:
        return ""
    return (endpoint.host or url.partition("://")[2].partition("?")[0])[:100]


class ConnectionNewPage(_ConnectionForm, NewPage):
    """A new connection."""

    title = _("New connection")

    def proposed(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        groups = [group.pk for group in groups_for(self.subject, Action.CONFIGURE)][:1]
        return {"group": groups[0] if groups else ""} | super().proposed(request, row)


class ConnectionChangePage(_ConnectionForm, ChangePage):
    """The settings of a connection."""

    title = _("Change the connection")


class _OfConnection:
    model: ClassVar[Any] = Connection
    shown_by: ClassVar[str] = "connection"
    list_of: ClassVar[str] = "connections"


class ConnectionArchivePage(_OfConnection, ArchivePage):
    """Archives a connection with its devices."""


class ConnectionRestorePage(_OfConnection, RestorePage):
    """Restores a connection."""
