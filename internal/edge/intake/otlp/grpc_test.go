package otlp

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

func dial(tb testing.TB, s *Server) ptraceotlp.GRPCClient {
	tb.Helper()
	return ptraceotlp.NewGRPCClient(dialConn(tb, s))
}

func dialConn(tb testing.TB, s *Server) *grpc.ClientConn {
	tb.Helper()
	cc, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = cc.Close() })
	return cc
}

func oneRequest(tb testing.TB) ptraceotlp.ExportRequest {
	tb.Helper()
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(oneSpan))
	if err != nil {
		tb.Fatal(err)
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func TestOpenTelemetryExportersDeliver(t *testing.T) {
	rec := new(recorder)
	s := start(t, Config{Sink: rec})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	res := resource.NewSchemaless(attribute.String("service.name", "shop"), attribute.String("service.version", "7"))
	addr := s.Addr().String()

	te, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(addr), otlptracegrpc.WithInsecure(), otlptracegrpc.WithCompressor("gzip"))
	must(t, err)
	tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(te), sdktrace.WithResource(res))
	spanCtx, span := tp.Tracer("t").Start(ctx, "GET /", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("server.address", "payment"), attribute.Int("http.response.status_code", 503)))
	span.RecordError(errors.New("no luck"))

	le, err := otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(addr), otlploggrpc.WithInsecure())
	must(t, err)
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(le)), sdklog.WithResource(res))
	var r log.Record
	r.SetTimestamp(time.Now())
	r.SetSeverity(log.SeverityError2)
	r.SetBody(attribute.MapValue(attribute.String("a", "b")))
	r.AddAttributes(attribute.Int("n", 3))
	lp.Logger("t").Emit(spanCtx, r)
	span.End()

	me, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(addr), otlpmetricgrpc.WithInsecure())
	must(t, err)
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(me)), sdkmetric.WithResource(res))
	c, err := mp.Meter("t").Int64Counter("orders")
	must(t, err)
	c.Add(ctx, 4)

	must(t, tp.Shutdown(ctx))
	must(t, lp.Shutdown(ctx))
	must(t, mp.Shutdown(ctx))

	if len(rec.spans) != 1 {
		t.Fatalf("spans: %+v", rec.spans)
	}
	sp := rec.spans[0]
	if sp.Service != "shop" || sp.Version != "7" || sp.Kind != observe.Client || sp.Peer != "payment" || sp.Error ||
		sp.Attrs["http.response.status_code"] != "503" || sp.Attrs["exception.message"] != "no luck" || sp.Attrs["exception.type"] == "" {
		t.Errorf("span: %+v", sp)
	}
	if len(rec.lines) != 1 {
		t.Fatalf("lines: %+v", rec.lines)
	}
	l := rec.lines[0]
	if l.Level != "ERROR" || l.Text != `{"a":"b"}` || l.TraceID != sp.TraceID || l.SpanID != sp.SpanID || l.Attrs["n"] != "3" || l.Service != "shop" {
		t.Errorf("line: %+v", l)
	}
	if len(rec.metrics) != 1 || rec.metrics[0] != "orders" {
		t.Errorf("metrics: %v", rec.metrics)
	}
	awaitNoneInFlight(t, s)
}

// awaitNoneInFlight checks that no admitted request is counted for ever.
func awaitNoneInFlight(t *testing.T, s *Server) {
	t.Helper()
	for range maxInFlight {
		select {
		case s.inFlight <- struct{}{}:
		case <-time.After(10 * time.Second):
			t.Fatal("requests that ended are still counted")
		}
	}
	for range maxInFlight {
		<-s.inFlight
	}
}

func TestGRPCAnswers(t *testing.T) {
	f := func(name string, cfg Config, ctx context.Context, req ptraceotlp.ExportRequest, want codes.Code, text string, retry bool) {
		t.Helper()
		s := start(t, cfg)
		_, err := dial(t, s).Export(ctx, req)
		st := status.Convert(err)
		hasRetry := false
		for _, d := range st.Details() {
			_, ok := d.(*errdetails.RetryInfo)
			hasRetry = hasRetry || ok
		}
		if st.Code() != want || !strings.Contains(st.Message(), text) || hasRetry != retry {
			t.Errorf("%s: got %s %q, retry %t", name, st.Code(), st.Message(), hasRetry)
		}
		awaitNoneInFlight(t, s)
	}
	ctx := t.Context()
	one := oneRequest(t)
	onlyGood := func(token string) error {
		if token != "good" {
			return errors.New("unknown")
		}
		return nil
	}
	f("taken", Config{Sink: new(recorder)}, ctx, one, codes.OK, "", false)
	f("full", Config{Sink: &recorder{err: errs.New(errs.Unavailable, "storage is full")}}, ctx, one, codes.Unavailable, "storage is full", true)
	f("invalid", Config{Sink: &recorder{err: errs.New(errs.Invalid, "bad")}}, ctx, one, codes.InvalidArgument, "bad", false)
	f("broken", Config{Sink: &recorder{err: errors.New("secret")}}, ctx, one, codes.Internal, "internal error", false)
	f("panic", Config{Sink: struct{ Sink }{}}, ctx, one, codes.Internal, "internal error", false)
	f("no token", Config{Sink: new(recorder), Authorize: onlyGood}, ctx, one, codes.Unauthenticated, "token is required", false)
	f("bad token", Config{Sink: new(recorder), Authorize: onlyGood},
		metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer bad"), one, codes.Unauthenticated, "not valid", false)
	f("good token", Config{Sink: new(recorder), Authorize: onlyGood},
		metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer good"), one, codes.OK, "", false)

	f("panic in the check", Config{Sink: new(recorder), Authorize: func(string) error { panic("check") }},
		metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer x"), one, codes.Internal, "internal error", false)

	big := oneRequest(t)
	big.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetName(strings.Repeat("x", 2<<20))
	f("large", Config{Sink: new(recorder), MaxBody: 1 << 20}, ctx, big, codes.ResourceExhausted, "larger than max", false)
}

func TestGRPCBombIsRefused(t *testing.T) {
	s := start(t, Config{Sink: new(recorder), MaxBody: 1 << 20})
	big := oneRequest(t)
	big.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetName(strings.Repeat("x", 90<<20))
	_, err := dial(t, s).Export(t.Context(), big, grpc.UseCompressor(gzip.Name))
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
}

func TestGRPCMalformedMessageIsInvalid(t *testing.T) {
	s := start(t, Config{Sink: new(recorder)})
	for _, sig := range []string{"trace.v1.TraceService", "logs.v1.LogsService", "metrics.v1.MetricsService"} {
		var answer []byte
		err := dialConn(t, s).Invoke(t.Context(), "/opentelemetry.proto.collector."+sig+"/Export",
			bytes.Repeat([]byte{0xff}, 20), &answer, grpc.ForceCodec(rawCodec{}))
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "ServiceRequest") {
			t.Errorf("%s: %v", sig, err)
		}
	}
}

func TestGRPCPartialSuccess(t *testing.T) {
	s := start(t, Config{Sink: &recorder{rejected: 1, reason: "too old"}})
	res, err := dial(t, s).Export(t.Context(), oneRequest(t))
	must(t, err)
	if res.PartialSuccess().RejectedSpans() != 1 || res.PartialSuccess().ErrorMessage() != "too old" {
		t.Errorf("got %d %q", res.PartialSuccess().RejectedSpans(), res.PartialSuccess().ErrorMessage())
	}
}

type rawCodec struct{}

func (rawCodec) Name() string                  { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (rawCodec) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(b)
	return nil
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
