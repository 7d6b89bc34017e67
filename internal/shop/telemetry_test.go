package shop

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// receiver is an OTLP/gRPC receiver that remembers what arrives.
type receiver struct {
	mu       sync.Mutex
	spans    []received
	logs     map[string][]string // by service: the text of each line
	metrics  map[string]map[string]bool
	versions map[string]bool // service and version
	tokens   map[string]bool
	texts    strings.Builder // everything that somebody wrote, for the search
}

// received is a span and where it came from.
type received struct {
	service string
	span    ptrace.Span
}

type traceServer struct {
	ptraceotlp.UnimplementedGRPCServer
	*receiver
}
type metricServer struct {
	pmetricotlp.UnimplementedGRPCServer
	*receiver
}
type logServer struct {
	plogotlp.UnimplementedGRPCServer
	*receiver
}

// receive starts a receiver and returns its address.
func receive(t *testing.T) (*receiver, string) {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveReceiver(t, listener), listener.Addr().String()
}

// receiveAt starts a receiver at an address, as soon as that is free.
func receiveAt(t *testing.T, addr string) *receiver {
	t.Helper()
	var listener net.Listener
	eventually(t, "the address is free", func() (ok bool) {
		var config net.ListenConfig
		var err error
		listener, err = config.Listen(t.Context(), "tcp", addr)
		return err == nil
	})
	return serveReceiver(t, listener)
}

func serveReceiver(t *testing.T, listener net.Listener) *receiver {
	t.Helper()
	r := &receiver{logs: map[string][]string{}, metrics: map[string]map[string]bool{}, versions: map[string]bool{}, tokens: map[string]bool{}}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	ptraceotlp.RegisterGRPCServer(server, &traceServer{receiver: r})
	pmetricotlp.RegisterGRPCServer(server, &metricServer{receiver: r})
	plogotlp.RegisterGRPCServer(server, &logServer{receiver: r})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return r
}

func (r *receiver) source(ctx context.Context, resource pcommon.Resource) string {
	md, _ := metadata.FromIncomingContext(ctx)
	r.tokens[strings.Join(md.Get("authorization"), ",")] = true
	attrs := resource.Attributes().AsRaw()
	name, _ := attrs["service.name"].(string)
	version, _ := attrs["service.version"].(string)
	r.versions[name+" "+version] = true
	r.note(attrs)
	return name
}

func (r *receiver) note(values ...any) {
	for _, v := range values {
		text, _ := json.Marshal(v)
		r.texts.Write(text)
	}
}

func (s traceServer) Export(ctx context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rs := range request.Traces().ResourceSpans().All() {
		name := s.source(ctx, rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				s.spans = append(s.spans, received{name, span})
				s.note(span.Name(), span.Attributes().AsRaw(), span.Status().Message())
			}
		}
	}
	return ptraceotlp.NewExportResponse(), nil
}

func (s metricServer) Export(ctx context.Context, request pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rm := range request.Metrics().ResourceMetrics().All() {
		name := s.source(ctx, rm.Resource())
		if s.metrics[name] == nil {
			s.metrics[name] = map[string]bool{}
		}
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				s.metrics[name][m.Name()] = m.Type() != pmetric.MetricTypeEmpty
				s.note(m.Name())
			}
		}
	}
	return pmetricotlp.NewExportResponse(), nil
}

func (s logServer) Export(ctx context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rl := range request.Logs().ResourceLogs().All() {
		name := s.source(ctx, rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				s.logs[name] = append(s.logs[name], line(record))
				s.note(record.Body().AsString(), record.Attributes().AsRaw())
			}
		}
	}
	return plogotlp.NewExportResponse(), nil
}

// line is a log record as text; without a trace it says so.
func line(record plog.LogRecord) string {
	text := record.SeverityText() + " " + record.Body().AsString()
	if record.TraceID().IsEmpty() || record.SpanID().IsEmpty() {
		text += " WITHOUT TRACE"
	}
	return text
}

// links counts the server spans whose parent is a client span of another
// service, by "caller > callee".
func (r *receiver) links() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	clients := map[pcommon.SpanID]received{}
	for _, s := range r.spans {
		if s.span.Kind() == ptrace.SpanKindClient {
			clients[s.span.SpanID()] = s
		}
	}
	links := map[string]int{}
	for _, s := range r.spans {
		if s.span.Kind() != ptrace.SpanKindServer {
			continue
		}
		if c, ok := clients[s.span.ParentSpanID()]; ok && c.span.TraceID() == s.span.TraceID() && c.service != s.service {
			links[c.service+" > "+s.service]++
		}
	}
	return links
}

// has says whether a service wrote a line with this text.
func (r *receiver) has(service, text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.logs[service] {
		if strings.Contains(l, text) {
			return true
		}
	}
	return false
}

func TestTelemetryOfAllServicesArrives(t *testing.T) {
	t.Parallel()
	r, addr := receive(t)
	s := open(t, Options{OTLPEndpoint: addr, OTLPToken: "secret"})
	var want []string
	for _, spec := range Topology() {
		for _, d := range spec.Deps {
			want = append(want, spec.Name+" > "+d.Name)
		}
	}
	eventually(t, "all services send metrics and each call has a span on both sides", func() bool {
		links := r.links()
		for _, link := range want {
			if links[link] == 0 {
				return false
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.metrics) == 47
	})
	r.mu.Lock()
	for _, name := range []string{"process.uptime", "shop.pool.in_use", "shop.pool.limit", "shop.queue.length", "shop.workers.busy", "shop.retries", "shop.breaker.open"} {
		if !r.metrics["payment-api"][name] {
			t.Errorf("payment-api has no metric %s", name)
		}
	}
	if !r.metrics[databaseName]["shop.db.connections"] || !r.metrics[databaseName]["shop.db.connections.limit"] {
		t.Error("the database does not report its connections")
	}
	if len(r.tokens) != 1 || !r.tokens["Bearer secret"] {
		t.Errorf("got tokens %v, want Bearer secret", r.tokens)
	}
	r.mu.Unlock()

	s.fault(`{"kind":"slow","service":"shipping-api","latency":"3s"}`)
	s.fault(`{"kind":"bad_version","service":"search-api","version":"8.2.0","share":1}`)
	s.fault(`{"kind":"corrupt_data","service":"inventory-api"}`)
	s.fault(`{"kind":"crash","service":"review-api"}`)
	s.fault(`{"kind":"small_pool","service":"session-api","size":1}`)
	for _, want := range []struct{ service, text string }{
		{"partner-api", "ERROR connection timeout calling shipping-api after 1.5s (attempt 1 of 2)"},
		{"partner-api", "WARN defaults used for review-api: connection refused by review-api"},
		{"search-api", "ERROR panic serving GET /search"},
		{"inventory-api", "ERROR checksum mismatch reading row"},
	} {
		eventually(t, want.service+" logs "+want.text, func() bool { return r.has(want.service, want.text) })
	}
	eventually(t, "the bad version is seen", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.versions["search-api 8.2.0"]
	})
	s.checkNothingIsGivenAway(r)
}

// checkNothingIsGivenAway fails when the telemetry names a fault, or when a line
// belongs to no trace.
func (s *testShop) checkNothingIsGivenAway(r *receiver) {
	s.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	texts := strings.ToLower(strings.ReplaceAll(r.texts.String(), "default", ""))
	for _, word := range []string{"fault", "inject", "chaos", "surge", "small_pool", "bad_version", "corrupt"} {
		if at := strings.Index(texts, word); at >= 0 {
			s.t.Errorf("telemetry gives the cause away: %s", texts[max(0, at-80):min(len(texts), at+80)])
		}
	}
	for service, lines := range r.logs {
		for _, l := range lines {
			if strings.HasSuffix(l, "WITHOUT TRACE") {
				s.t.Errorf("%s: %s", service, l)
			}
		}
	}
}

func TestTelemetryWaitsForItsReceiver(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	place, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := place.Addr().String()
	_ = place.Close()
	s := open(t, Options{OTLPEndpoint: addr, Journeys: 10})
	eventually(t, "the shop works without its receiver", func() bool { return get[LoadReport](s, "/load").Total.OK > 30 })
	back := time.Now()
	r := receiveAt(t, addr)
	eventually(t, "what happened before is delivered", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, got := range r.spans {
			if got.span.EndTimestamp().AsTime().Before(back.Add(-time.Second)) {
				return true
			}
		}
		return false
	})
}
