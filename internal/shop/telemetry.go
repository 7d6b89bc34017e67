package shop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/log"
	nooplog "go.opentelemetry.io/otel/log/noop"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// What is kept while the receiver is away: at the default rate the spans of
// about half a minute. More is dropped, so that memory stays bounded.
const (
	spanQueue  = 1 << 15
	logQueue   = 1 << 13
	scopeName  = "shop"
	exportTime = 25 * time.Second
)

// telemetry sends the spans, logs and metrics of all services over one gRPC
// connection, in shared batches. The zero value sends nothing.
type telemetry struct {
	conn    *grpc.ClientConn
	spans   sdktrace.SpanProcessor
	logs    sdklog.Processor
	metrics *otlpmetricgrpc.Exporter
	report  *exportReport
}

// newTelemetry prepares the exporters. It does not wait for the receiver: what
// cannot be delivered yet is kept and tried again every half second or so.
func newTelemetry(ctx context.Context, endpoint, token string, logger *slog.Logger) (*telemetry, error) {
	if endpoint == "" {
		return &telemetry{}, nil
	}
	conn, err := grpc.NewClient(endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 2 * time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("prepare connection to %s: %w", endpoint, err)
	}
	t := &telemetry{conn: conn, report: &exportReport{logger: logger, endpoint: endpoint}}
	if err := t.open(ctx, token); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return t, nil
}

func (t *telemetry) open(ctx context.Context, token string) error {
	headers := map[string]string{}
	if token != "" {
		headers["authorization"] = "Bearer " + token
	}
	const first, most = 200 * time.Millisecond, time.Second
	spans, err := otlptracegrpc.New(ctx, otlptracegrpc.WithGRPCConn(t.conn), otlptracegrpc.WithHeaders(headers), otlptracegrpc.WithTimeout(exportTime),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: true, InitialInterval: first, MaxInterval: most, MaxElapsedTime: exportTime}))
	if err != nil {
		return fmt.Errorf("prepare span exporter: %w", err)
	}
	logs, err := otlploggrpc.New(ctx, otlploggrpc.WithGRPCConn(t.conn), otlploggrpc.WithHeaders(headers), otlploggrpc.WithTimeout(exportTime),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{Enabled: true, InitialInterval: first, MaxInterval: most, MaxElapsedTime: exportTime}))
	if err != nil {
		return fmt.Errorf("prepare log exporter: %w", err)
	}
	t.metrics, err = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithGRPCConn(t.conn), otlpmetricgrpc.WithHeaders(headers), otlpmetricgrpc.WithTimeout(2*time.Second),
		otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: false}))
	if err != nil {
		return fmt.Errorf("prepare metric exporter: %w", err)
	}
	t.spans = sdktrace.NewBatchSpanProcessor(reportedSpans{spans, t.report},
		sdktrace.WithMaxQueueSize(spanQueue), sdktrace.WithMaxExportBatchSize(2048),
		sdktrace.WithBatchTimeout(700*time.Millisecond), sdktrace.WithExportTimeout(exportTime))
	t.logs = sdklog.NewBatchProcessor(reportedLogs{logs, t.report},
		sdklog.WithMaxQueueSize(logQueue), sdklog.WithExportMaxBatchSize(1024),
		sdklog.WithExportInterval(time.Second), sdklog.WithExportTimeout(exportTime))
	return nil
}

// close delivers what is still waiting, as long as ctx allows.
func (t *telemetry) close(ctx context.Context) error {
	if t.conn == nil {
		return nil
	}
	return errors.Join(t.spans.Shutdown(ctx), t.logs.Shutdown(ctx), t.metrics.Shutdown(ctx), t.conn.Close())
}

// sendMetrics delivers one service's metrics. They are cumulative: when a
// delivery fails the next one makes up for it.
func (t *telemetry) sendMetrics(ctx context.Context, rm *metricdata.ResourceMetrics) {
	if t.conn != nil {
		t.report.note("metrics", t.metrics.Export(ctx, rm))
	}
}

// identity is a running version of a service, as telemetry knows it.
type identity struct {
	version  string
	instance string
	started  time.Time
	resource *resource.Resource
	tracer   trace.Tracer
	logger   log.Logger
}

// identify makes a new identity. Its providers hold nothing that needs closing:
// the processors behind them are shared by all services.
func (t *telemetry) identify(service, version, instance string, now time.Time) *identity {
	id := &identity{version: version, instance: instance, started: now}
	id.resource = resource.NewSchemaless(
		attribute.String("service.name", service),
		attribute.String("service.namespace", "shop"),
		attribute.String("service.version", version),
		attribute.String("service.instance.id", instance),
		attribute.String("telemetry.sdk.language", "go"),
		attribute.String("telemetry.sdk.name", "opentelemetry"),
	)
	if t.conn == nil {
		id.tracer = nooptrace.NewTracerProvider().Tracer(scopeName)
		id.logger = nooplog.NewLoggerProvider().Logger(scopeName)
		return id
	}
	id.tracer = sdktrace.NewTracerProvider(sdktrace.WithResource(id.resource), sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithSpanProcessor(t.spans)).Tracer(scopeName)
	id.logger = sdklog.NewLoggerProvider(sdklog.WithResource(id.resource), sdklog.WithProcessor(t.logs)).Logger(scopeName)
	return id
}

// exportReport tells the operator once that the receiver is away, and once that
// it is back.
type exportReport struct {
	logger   *slog.Logger
	endpoint string
	away     atomic.Bool
}

func (r *exportReport) note(signal string, err error) {
	switch {
	case err != nil && !r.away.Swap(true):
		r.logger.Warn("telemetry receiver does not answer", "endpoint", r.endpoint, "signal", signal, "error", err)
	case err == nil && r.away.Swap(false):
		r.logger.Info("telemetry receiver answers again", "endpoint", r.endpoint, "signal", signal)
	}
}

// reportedSpans is a span exporter whose errors go to the report.
type reportedSpans struct {
	*otlptrace.Exporter
	report *exportReport
}

func (e reportedSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.report.note("traces", e.Exporter.ExportSpans(ctx, spans))
	return nil
}

// reportedLogs is a log exporter whose errors go to the report.
type reportedLogs struct {
	*otlploggrpc.Exporter
	report *exportReport
}

func (e reportedLogs) Export(ctx context.Context, records []sdklog.Record) error {
	e.report.note("logs", e.Exporter.Export(ctx, records))
	return nil
}
