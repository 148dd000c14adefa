// What a dashboard file may hold: Grafana's published types, made strict where those say Record<string, unknown>.
// An object literal of such a type may have no other property: that is what the check rests on.
import type * as grafana from '@grafana/schema';
import type * as dashboard from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type * as bargauge from '@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as statetimeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

// The types say enum where JSON has the enum's value.
type Plain<T> = T extends string
  ? `${T}`
  : T extends number
    ? `${T}` extends `${infer N extends number}`
      ? N
      : T
    : T extends Array<infer U>
      ? Array<Plain<U>>
      : T extends object
        ? { [K in keyof T]: Plain<T[K]> }
        : T;

// Not published: the Prometheus query (of @grafana/prometheus) and the link of a value (of @grafana/data).
interface PrometheusQuery {
  datasource: dashboard.DataSourceRef;
  editorMode?: 'code' | 'builder';
  exemplar?: boolean;
  expr: string;
  format?: 'time_series' | 'table' | 'heatmap';
  hide?: boolean;
  instant: boolean;
  interval?: string;
  legendFormat?: string;
  range: boolean;
  refId: string;
}
interface DataLink {
  title: string;
  url: string;
  targetBlank?: boolean;
}

type Defaults<Custom> = Plain<Omit<dashboard.FieldConfig, 'custom' | 'links'>> & { custom?: Custom; links?: DataLink[] };

// An override names a property of the field's config, and gives it a value that fits.
type Override<Custom> =
  | { [K in Exclude<keyof Defaults<Custom>, 'custom'>]-?: { id: K; value?: Defaults<Custom>[K] } }[Exclude<keyof Defaults<Custom>, 'custom'>]
  | { [K in keyof Custom & string]-?: { id: `custom.${K}`; value?: Custom[K] } }[keyof Custom & string];

type TypedPanel<Type extends string, Options, Custom> = Plain<
  Omit<dashboard.Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'datasource' | 'title' | 'description' | 'gridPos' | 'id'>
> & {
  type: Type;
  id: number;
  title: string;
  description: string;
  datasource: dashboard.DataSourceRef;
  gridPos: dashboard.GridPos;
  options: Plain<Options>;
  targets: PrometheusQuery[];
  fieldConfig: {
    defaults: Defaults<Custom>;
    overrides: Array<{ matcher: Plain<dashboard.MatcherConfig>; properties: Array<Override<Custom>> }>;
  };
};

export type StatPanel = TypedPanel<'stat', stat.Options, Record<never, never>>;
export type TimeseriesPanel = TypedPanel<'timeseries', timeseries.Options, Plain<timeseries.FieldConfig>>;
export type BargaugePanel = TypedPanel<'bargauge', bargauge.Options, Record<never, never>>;
export type TablePanel = TypedPanel<'table', grafana.TableOptions, Plain<grafana.TableFieldOptions>>;
export type StateTimelinePanel = TypedPanel<'state-timeline', statetimeline.Options, Plain<statetimeline.FieldConfig>>;
export type RowPanel = Plain<dashboard.RowPanel>;

// `target` of the schema is that of Grafana's own annotations; a query of Prometheus goes by `expr`, as Grafana itself migrates it.
// `textFormat` is Prometheus' own, too: what is written at a mark.
type Annotation = Plain<Omit<dashboard.AnnotationQuery, 'target'>> & { expr: string; textFormat?: string };

export type DashboardWithoutPanels = Plain<Omit<dashboard.Dashboard, 'panels' | 'annotations' | 'snapshot' | 'id' | 'uid'>> & {
  id: null;
  uid: string;
  panels: never[];
  annotations: { list: Annotation[] };
};
