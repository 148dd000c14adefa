"""What is around the panels: variables, links, annotations, and their places on the grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from grafana.panels import DATASOURCE, Panel
from grafana.queries import ANY, EXPORTERS, TYPES

#: Of @grafana/schema 13.2; the SDK still says 41, and nothing between the two concerns what is used here.
SCHEMA_VERSION: Final = 42

TAG: Final = "atess"

_NEEDS: Final = "Needs Grafana 12 or newer; its file is checked against the schema of Grafana 13.2."

Section = tuple[str, Sequence[Panel]]


@dataclass(frozen=True)
class Annotation:
    """Marks on all panels: where `expr` has series, and what is written at them, with the series' labels."""

    name: str
    expr: str
    color: str
    text: str = ""


class _Marks(models.AnnotationQuery):
    """An annotation with a text, which is Prometheus' own and not known to the SDK."""

    def __init__(self, of: Annotation) -> None:
        super().__init__(of.name, DATASOURCE, icon_color=of.color, expr=of.expr)
        self._text = of.text

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), **({"textFormat": self._text} if self._text else {})}


def frame(
    uid: str,
    title: str,
    about: str,
    variables: Sequence[models.VariableModel],
    sections: Sequence[Section],
    annotations: Sequence[Annotation] = (),
) -> models.Dashboard:
    """Return a dashboard of `sections`, each a row's title and its panels in reading order, with more `annotations`."""
    dashboard = (
        builders.Dashboard(title).uid(uid).description(f"{about} {_NEEDS}").tags([TAG]).timezone("browser").time("now-24h", "now")
    )
    dashboard = dashboard.refresh("1m").tooltip(models.DashboardCursorSync.CROSSHAIR).editable()
    dashboard = dashboard.link(
        builders.DashboardLink("ATESS")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(True)
        .keep_time(True)
        .icon("external link")
        .tooltip("The other ATESS dashboards, with the same choices and time")
    )
    model = dashboard.build()
    model.schema_version = SCHEMA_VERSION
    for variable in variables:
        # of interval variables only, but the SDK writes them for all
        variable.auto = variable.auto_min = variable.auto_count = None
    model.annotations = models.AnnotationContainer([_Marks(mark) for mark in (*_ANNOTATIONS, *annotations)])
    model.templating = models.DashboardDashboardTemplating(list(variables))
    model.panels = _placed(sections)
    return model


#: A point in time is marked while it is no more than five minutes ago. Not by changes(): after a longer outage Prometheus has
#: nothing left to compare with.
_ANNOTATIONS: Final = (
    Annotation(
        "Restarts",
        # other jobs have processes, too
        f"(process_start_time_seconds{{{EXPORTERS}}} > (time() - 300))"
        f" and on (job, instance) atess_exporter_build_info{{{EXPORTERS}}}",
        "orange",
    ),
    Annotation(
        "Config reloads",
        # a start loads the config too, and is marked already
        f"(atess_exporter_config_last_reload_success_timestamp_seconds{{{EXPORTERS}}} > (time() - 300))"
        f" and on (job, instance) (atess_exporter_config_last_reload_success_timestamp_seconds{{{EXPORTERS}}}"
        f" - process_start_time_seconds{{{EXPORTERS}}} > 30)",
        "blue",
    ),
    Annotation("Config refused", f"atess_exporter_config_last_reload_successful{{{EXPORTERS}}} == bool 0", "red"),
)


def datasource() -> models.VariableModel:
    return builders.DatasourceVariable("datasource").label("Data source").type("prometheus").build()


def job(*, of_exporters: bool = False) -> models.VariableModel:
    """Return the choice of jobs; all of them are those of exporters only, or any series at all: history may have no job."""
    about = "The Prometheus job that scrapes the exporter."
    query = "label_values(atess_exporter_build_info, job)"
    return _choice("job", "Job", query, about, every=None if of_exporters else ".*")


def site() -> models.VariableModel:
    about = "The devices' sites, where the exporter's config says them. Devices with nothing but history are always shown."
    return _choice("site", "Site", f"label_values(atess_device_info{{{EXPORTERS}}}, site)", about, every=".*")


def device_type(*, of_exporters: bool = False) -> models.VariableModel:
    series = f"atess_exporter_devices{{{EXPORTERS}}}" if of_exporters else f'{{__name__=~"{ANY}", {EXPORTERS}}}'
    return _choice("type", "Type", f"label_values({series}, type)", "The devices' family.")


def device() -> models.VariableModel:
    query = f'label_values({{__name__=~"atess_device_info|{ANY}", {TYPES}}}, deviceSn)'
    return _choice("deviceSn", "Device", query, "The devices' serial numbers.")


def exporter_url() -> models.VariableModel:
    """Return the address for links to the exporter's pages, which no metric has as browsers see it."""
    about = "Where your browser finds the exporter, for the links to its pages of devices."
    variable = builders.TextBoxVariable("exporter").label("Exporter").description(about)
    return variable.default_value("http://localhost:9837").build()


def limit() -> models.VariableModel:
    about = "At most so many of the chosen devices are drawn, so that a large fleet does not choke the browser."
    variable = builders.CustomVariable("limit").label("At most").description(about).values("10,25,50,100")
    return variable.current(models.VariableOption(True, "25", "25")).multi(False).include_all(False).build()


def _choice(name: str, label: str, query: str, about: str, *, every: str | None = ".+") -> models.VariableModel:
    variable = builders.QueryVariable(name).label(label).description(about).datasource(DATASOURCE)
    variable = variable.query({"qryType": 1, "query": query, "refId": f"variable-{name}"})
    variable = variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.NATURAL_ASC)
    variable = variable.multi(True).include_all(True)
    if every is not None:
        # not a list of 1,000 names in every query
        variable = variable.all_value(every)
    return variable.current(models.VariableOption(True, ["All"], ["$__all"])).build()


def _placed(sections: Sequence[Section]) -> list[models.Panel | models.RowPanel]:
    placed: list[models.Panel | models.RowPanel] = []
    y = 0
    for title, panels in sections:
        row = builders.Row(title).id(len(placed) + 1).grid_pos(models.GridPos(h=1, w=24, x=0, y=y)).build()
        placed.append(row)
        y += 1
        x = tallest = 0
        for panel in panels:
            if x + panel.width > 24:
                x, y, tallest = 0, y + tallest, 0
            panel.model.id_val = len(placed) + 1
            panel.model.grid_pos = models.GridPos(h=panel.height, w=panel.width, x=x, y=y)
            placed.append(panel.model)
            x += panel.width
            tallest = max(tallest, panel.height)
        y += tallest
    return placed
