package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	translator "github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"github.com/prometheus/prometheus/tsdb"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

const (
	outOfOrderWindow = 30 * time.Minute
	lookback         = 5 * time.Minute
	maxSamples       = 10_000_000
	maxBlock         = 54 * time.Hour // the default of two hours would never compact further
)

// promoted are the resource attributes that become labels of each series; without them every query needs a join with
// target_info.
var promoted = []string{
	"service.name", "service.namespace", "service.version", "service.instance.id",
	"deployment.environment.name", "deployment.environment", "cloud.region",
	"k8s.namespace.name", "k8s.pod.name", "host.name",
}

// nameLabel is the label that holds the name of a series.
const nameLabel = "__name__"

// metricStore keeps metric samples.
type metricStore struct {
	db        *tsdb.DB
	engine    *promql.Engine
	settings  translator.Settings
	retention time.Duration
	limit     int64
	used      atomic.Int64
	queries   chan struct{}
	log       *slog.Logger
}

func openMetrics(dir string, cfg EngineConfig, limit int64) (*metricStore, error) {
	o := tsdb.DefaultOptions()
	o.RetentionDuration = cfg.Retention.Milliseconds()
	o.MaxBytes = limit
	o.MaxBlockDuration = min(maxBlock, max(cfg.Retention/10, 2*time.Hour)).Milliseconds()
	o.OutOfOrderTimeWindow = outOfOrderWindow.Milliseconds()
	o.WALSegmentSize = 32 << 20
	o.MaxBlockChunkSegmentSize = 64 << 20 // it is allocated in full while a block is written
	db, err := tsdb.Open(dir, cfg.Log, nil, o, nil)
	if err != nil {
		return nil, err
	}
	m := &metricStore{
		db: db,
		engine: promql.NewEngine(promql.EngineOpts{
			Logger: cfg.Log, MaxSamples: maxSamples, Timeout: queryTimeout, LookbackDelta: lookback,
			EnableAtModifier: true, EnableNegativeOffset: true, Parser: parser.NewParser(parser.Options{}),
		}),
		settings: translator.Settings{
			AddMetricSuffixes: true,
			LookbackDelta:     lookback,
			PromoteResourceAttributes: translator.NewPromoteResourceAttributes(
				config.OTLPConfig{PromoteResourceAttributes: promoted}),
		},
		retention: cfg.Retention,
		limit:     limit,
		queries:   make(chan struct{}, 4),
		log:       cfg.Log,
	}
	m.measure()
	return m, nil
}

func (m *metricStore) close() error { return errors.Join(m.engine.Close(), m.db.Close()) }

func (m *metricStore) measure() {
	used := m.db.Head().Size()
	for _, b := range m.db.Blocks() {
		used += b.Size()
	}
	m.used.Store(used)
}

// metricsWritable allows metrics twice their share: the head needs room beside the blocks that the cap is about, and
// the oldest block is deleted only when the next one is written.
func (e *Engine) metricsWritable() error {
	return e.writable("metrics", e.metrics.used.Load(), 2*e.metrics.limit)
}

// WriteMetrics keeps OTLP metrics under the names that Prometheus gives them. Points that cannot be kept (delta
// temporality, too old, out of order, in the future) are counted as rejected with the first reason; an error of code
// unavailable means that none was kept and that the same call may work later.
func (e *Engine) WriteMetrics(ctx context.Context, md pmetric.Metrics) (rejected int, reason string, err error) {
	if err := e.metricsWritable(); err != nil {
		return 0, "", err
	}
	var rej rejection
	rej.add(deltaPoints(md))
	points := md.DataPointCount()
	app := e.metrics.appender(ctx)
	_, convErr := translator.NewPrometheusConverter(app).FromMetrics(ctx, md, e.metrics.settings)
	if ctx.Err() != nil {
		return 0, "", errors.Join(ctx.Err(), app.Rollback())
	}
	if err := app.Commit(); err != nil {
		return 0, "", errs.Wrap(err, errs.Unavailable, "telemetry could not write metrics")
	}
	rej.add(app.refused.rows, app.refused.reason)
	if convErr != nil && rej.rows == 0 {
		rej.add(1, convErr.Error())
	}
	// A histogram point is many samples, so samples overstate.
	return min(rej.rows, points), rej.reason, nil
}

// WriteSamples keeps series of our own; the name of the metric is in the label __name__. Rejections and errors are as
// with WriteMetrics, counted in points.
func (e *Engine) WriteSamples(ctx context.Context, series []observe.Series) (rejected int, reason string, err error) {
	if err := e.metricsWritable(); err != nil {
		return 0, "", err
	}
	var rej rejection
	app := e.metrics.appender(ctx)
	for _, s := range series {
		if s.Labels[nameLabel] == "" {
			rej.add(len(s.Points), "series without a name in label __name__")
			continue
		}
		lset := labels.FromMap(s.Labels)
		var ref storage.SeriesRef
		for _, p := range s.Points {
			ref, err = app.Append(ref, lset, 0, p.At.UnixMilli(), p.Value, nil, nil, storage.AppendV2Options{})
			if err != nil {
				rej.add(1, err.Error())
			}
		}
	}
	if err := app.Commit(); err != nil {
		return 0, "", errs.Wrap(err, errs.Unavailable, "telemetry could not write metrics")
	}
	rej.add(app.refused.rows, app.refused.reason)
	return rej.rows, rej.reason, nil
}

// deltaPoints counts points of delta temporality, which the store cannot keep.
func deltaPoints(md pmetric.Metrics) (int, string) {
	n := 0
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				n += deltaPointsOf(m)
			}
		}
	}
	return n, "delta temporality is not supported; set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative"
}

func deltaPointsOf(m pmetric.Metric) int {
	const delta = pmetric.AggregationTemporalityDelta
	switch m.Type() {
	case pmetric.MetricTypeSum:
		if m.Sum().AggregationTemporality() == delta {
			return m.Sum().DataPoints().Len()
		}
	case pmetric.MetricTypeHistogram:
		if m.Histogram().AggregationTemporality() == delta {
			return m.Histogram().DataPoints().Len()
		}
	case pmetric.MetricTypeExponentialHistogram:
		if m.ExponentialHistogram().AggregationTemporality() == delta {
			return m.ExponentialHistogram().DataPoints().Len()
		}
	}
	return 0
}

// appender is a TSDB appender that counts samples which are at fault themselves instead of failing the whole batch.
type appender struct {
	storage.AppenderV2
	earliest, latest int64 // milliseconds
	refused          rejection
}

func (m *metricStore) appender(ctx context.Context) *appender {
	now := time.Now()
	return &appender{
		AppenderV2: m.db.AppenderV2(ctx),
		earliest:   now.Add(-m.retention).UnixMilli(),
		latest:     now.Add(maxAhead).UnixMilli(),
	}
}

// Append appends one sample. A sample far in the future would make the store refuse all present ones, so it is refused.
func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram,
	fh *histogram.FloatHistogram, opts storage.AppendV2Options,
) (storage.SeriesRef, error) {
	switch {
	case t > a.latest:
		a.refused.add(1, "more than 10 minutes in the future")
		return ref, nil
	case t < a.earliest:
		a.refused.add(1, "older than the retention")
		return ref, nil
	}
	got, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	switch {
	case err == nil:
		return got, nil
	case errors.Is(err, storage.ErrOutOfOrderSample), errors.Is(err, storage.ErrOutOfBounds),
		errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		a.refused.add(1, err.Error())
		return ref, nil
	}
	// Exemplars that cannot be kept come as a partial error: the sample itself is in.
	var partial *storage.AppendPartialError
	if errors.As(err, &partial) {
		return got, nil
	}
	return 0, fmt.Errorf("append sample: %w", err)
}
