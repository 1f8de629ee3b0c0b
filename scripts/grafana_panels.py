"""The kinds of panels that the dashboards are made of, by Grafana's own classes."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, statushistory
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import timeseries as series
from grafana_foundation_sdk.models import common as styles
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Panel = bargauge.Panel | series.Panel | stat.Panel | statetimeline.Panel | statushistory.Panel | tables.Panel
Query = tuple[str, str]
"""An expression, and the legend of its series."""
Text = tuple[str, str]
"""A word and a colour."""

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
LAST = common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
NONE, SHARE, SECONDS = "none", "percentunit", "s"
YES_NO: Mapping[int, Text] = {0: ("no", "red"), 1: ("yes", "green")}
BAD = (("green", None), ("red", 1e-9))
"""Green at 0, red above."""
HEAT = (("#e8eef4", None), ("#a6c8e4", 0.1), ("#5a9bd4", 0.3), ("#2166ac", 0.6), ("#08306b", 0.9))
Steps = Sequence[tuple[str, float | None]]


def query(number: int, asked: Query) -> prometheus.Dataquery:
    """Make the query of a graph."""
    expression, legend = asked
    made = prometheus.Dataquery().expr(expression).legend_format(legend).range().datasource(SOURCE)
    return made.ref_id("ABCDEFGH"[number])


def thresholds(steps: Steps) -> builders.ThresholdsConfig:
    """Make colours by value; the first step has no value."""
    made = [models.Threshold(color=color, value=value) for color, value in steps]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def mapping(texts: Mapping[int, Text]) -> list[models.ValueMap]:
    """Make words and colours of values."""
    options = {
        str(value): models.ValueMappingResult(text=text, color=color or None)
        for value, (text, color) in texts.items()
    }
    return [models.ValueMap(options=options)]


def figure(
    title: str, *queries: Query, unit: str = NONE, steps: Steps = (), texts: Mapping[int, Text] | None = None
) -> stat.Panel:
    """Make one large figure."""
    panel = stat.Panel().title(title).unit(unit).datasource(SOURCE).span(4).height(4)
    panel = panel.reduce_options(LAST).color_mode(styles.BigValueColorMode.VALUE)
    panel = panel.graph_mode(styles.BigValueGraphMode.AREA)
    for number, asked in enumerate(queries):
        panel = panel.with_target(query(number, asked))
    if steps:
        panel = panel.thresholds(thresholds(steps))
    return panel.mappings(mapping(texts)) if texts else panel


def graph(
    title: str, *queries: Query, unit: str = NONE, width: int = 8, stacked: bool = False, log: bool = False
) -> series.Panel:
    """Make lines over time; stacked ones are areas on one another, shares of them up to 1."""
    panel = series.Panel().title(title).unit(unit).datasource(SOURCE).span(width).height(8)
    for number, asked in enumerate(queries):
        panel = panel.with_target(query(number, asked))
    if log:
        scale = common.ScaleDistributionConfig().type(styles.ScaleDistribution.LOG).log(10)
        panel = panel.scale_distribution(scale)
    if stacked:
        panel = panel.fill_opacity(60).line_width(0)
        panel = panel.stacking(common.StackingConfig().mode(styles.StackingMode.NORMAL).group("A"))
        if unit == SHARE:
            panel = panel.min(0).max(1)
    return panel


def states(title: str, *queries: Query, texts: Mapping[int, Text], width: int = 12) -> statetimeline.Panel:
    """Make a line of coloured stretches for each series."""
    panel = statetimeline.Panel().title(title).unit(NONE).datasource(SOURCE).span(width).height(9)
    for number, asked in enumerate(queries):
        panel = panel.with_target(query(number, asked))
    panel = panel.merge_values(True).show_value(styles.VisibilityMode.NEVER).row_height(0.9)
    return panel.mappings(mapping(texts))


def tiles(title: str, *queries: Query, width: int = 12) -> statushistory.Panel:
    """Make a line of tiles for each series, the darker the nearer to 1."""
    panel = statushistory.Panel().title(title).unit(SHARE).datasource(SOURCE).span(width).height(9)
    for number, asked in enumerate(queries):
        panel = panel.with_target(query(number, asked))
    panel = panel.min(0).max(1).thresholds(thresholds(HEAT)).show_value(styles.VisibilityMode.NEVER)
    return panel.row_height(0.9).legend(common.VizLegendOptions().show_legend(False))


def bars(title: str, *queries: Query, unit: str = NONE, width: int = 8, steps: Steps = ()) -> bargauge.Panel:
    """Make a bar for each series."""
    panel = bargauge.Panel().title(title).unit(unit).datasource(SOURCE).span(width).height(8)
    for number, asked in enumerate(queries):
        panel = panel.with_target(query(number, asked))
    panel = panel.orientation(styles.VizOrientation.HORIZONTAL).display_mode(styles.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(LAST)
    return panel.thresholds(thresholds(steps)) if steps else panel


def listed(
    title: str, expression: str, *changes: models.DataTransformerConfig, unit: str = NONE, width: int = 12
) -> tables.Panel:
    """Make a table of the values now, changed as it says."""
    asked = prometheus.Dataquery().expr(expression).legend_format("").instant().datasource(SOURCE)
    asked = asked.format(PromQueryFormat.TABLE).ref_id("A")
    panel = tables.Panel().title(title).unit(unit).datasource(SOURCE).span(width).height(9)
    return panel.with_target(asked).transformations(list(changes))


def matrix(row: str, column: str) -> models.DataTransformerConfig:
    """Put one label's values in rows and another's in columns."""
    options = {"rowField": row, "columnField": column, "valueField": "Value"}
    return models.DataTransformerConfig(id_val="groupingToMatrix", options=options)


def sorted_by(field: str) -> models.DataTransformerConfig:
    """Sort by a field."""
    return models.DataTransformerConfig(id_val="sortBy", options={"fields": {}, "sort": [{"field": field}]})


def numbers(*fields: str) -> models.DataTransformerConfig:
    """Take labels for numbers, so that 9 comes before 10."""
    conversions = [{"targetField": field, "destinationType": "number"} for field in fields]
    return models.DataTransformerConfig(
        id_val="convertFieldType", options={"fields": {}, "conversions": conversions}
    )


def only(*fields: str) -> models.DataTransformerConfig:
    """Show these fields and no other."""
    return models.DataTransformerConfig(
        id_val="organize", options={"includeByName": dict.fromkeys(fields, True)}
    )
