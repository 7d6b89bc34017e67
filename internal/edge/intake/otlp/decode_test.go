package otlp

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"nightkeeper/internal/loop/observe"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func translate(t *testing.T, change func(res pcommon.Map, s ptrace.Span)) observe.Span {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{0xAB, 15: 1})
	s.SetSpanID(pcommon.SpanID{0xCD, 7: 2})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(noon))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(noon.Add(time.Second)))
	change(rs.Resource().Attributes(), s)
	got, rej := spansOf(td, noon)
	if len(got) != 1 || rej.rows != 0 {
		t.Fatalf("got %v, rejected %v", got, rej)
	}
	return got[0]
}

func TestSpanIsTranslated(t *testing.T) {
	got := translate(t, func(res pcommon.Map, s ptrace.Span) {
		res.PutStr("service.name", "shop")
		res.PutStr("service.version", "1")
		res.PutStr("service.instance.id", "pod-1")
		res.PutStr("cloud.region", "eu")
		s.SetParentSpanID(pcommon.SpanID{7: 9})
		s.SetName("GET /")
		s.SetKind(ptrace.SpanKindServer)
		s.Attributes().PutInt("http.response.status_code", 502)
		s.Attributes().PutBool("b", true)
		s.Attributes().PutEmptySlice("list").AppendEmpty().SetStr("x")
		s.Attributes().PutInt("http.request.resend_count", 2)
		e := s.Events().AppendEmpty()
		e.SetName("exception")
		e.Attributes().PutStr("exception.type", "IOError")
	})
	want := observe.Span{
		TraceID: "ab000000000000000000000000000001", SpanID: "cd00000000000002", ParentID: "0000000000000009",
		Service: "shop", Version: "1", Instance: "pod-1", Name: "GET /", Kind: observe.Server, Start: noon,
		Duration: time.Second, Error: true, Resend: 2,
		Attrs: map[string]string{
			"http.response.status_code": "502", "b": "true", "list": `["x"]`, "cloud.region": "eu",
			"exception.type": "IOError", "http.request.resend_count": "2",
		},
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestServiceWithoutNameIsUnknown(t *testing.T) {
	if got := translate(t, func(pcommon.Map, ptrace.Span) {}); got.Service != "unknown_service" {
		t.Errorf("got %q", got.Service)
	}
}

func TestServerErrorNeedsNoStatusUnlessItIsOK(t *testing.T) {
	f := func(kind ptrace.SpanKind, code ptrace.StatusCode, http int, want bool) {
		t.Helper()
		got := translate(t, func(_ pcommon.Map, s ptrace.Span) {
			s.SetKind(kind)
			s.Status().SetCode(code)
			s.Attributes().PutInt("http.status_code", int64(http))
		})
		if got.Error != want {
			t.Errorf("%s %s %d: got %t", kind, code, http, got.Error)
		}
	}
	f(ptrace.SpanKindServer, ptrace.StatusCodeUnset, 500, true)
	f(ptrace.SpanKindServer, ptrace.StatusCodeUnset, 499, false)
	f(ptrace.SpanKindServer, ptrace.StatusCodeOk, 500, false)
	f(ptrace.SpanKindClient, ptrace.StatusCodeUnset, 500, false)
	f(ptrace.SpanKindClient, ptrace.StatusCodeError, 200, true)
}

func TestPeerIsTheBestNameOfTheCalledSide(t *testing.T) {
	keys := []string{"network.peer.address", "net.peer.name", "server.address", "peer.service", "service.peer.name"}
	for i, want := range keys {
		got := translate(t, func(_ pcommon.Map, s ptrace.Span) {
			s.SetKind(ptrace.SpanKindClient)
			for _, k := range keys[:i+1] {
				s.Attributes().PutStr(k, k)
			}
		})
		if got.Peer != want {
			t.Errorf("got %q, want %q", got.Peer, want)
		}
	}
	got := translate(t, func(_ pcommon.Map, s ptrace.Span) {
		s.SetKind(ptrace.SpanKindServer)
		s.Attributes().PutStr("server.address", "me")
	})
	if got.Peer != "" {
		t.Errorf("a server's own address became its peer %q", got.Peer)
	}
}

func TestStrangeTimesAreMended(t *testing.T) {
	f := func(start, end pcommon.Timestamp, wantStart time.Time, want time.Duration) {
		t.Helper()
		got := translate(t, func(_ pcommon.Map, s ptrace.Span) {
			s.SetStartTimestamp(start)
			s.SetEndTimestamp(end)
		})
		if !got.Start.Equal(wantStart) || got.Duration != want {
			t.Errorf("%d..%d: got %v %v", start, end, got.Start, got.Duration)
		}
	}
	at := pcommon.NewTimestampFromTime(noon)
	f(at, at-5, noon, 0)
	f(at, 0, noon, 0)
	f(0, at, noon, 0)
	f(0, 0, noon, 0)
}

func TestDatabaseSystemPrefersTheStableName(t *testing.T) {
	got := translate(t, func(_ pcommon.Map, s ptrace.Span) {
		s.Attributes().PutStr("db.system.name", "postgresql")
		s.Attributes().PutStr("db.system", "postgres")
	})
	if got.DB != "postgresql" {
		t.Errorf("got %q", got.DB)
	}
}

func TestLevels(t *testing.T) {
	for n, want := range map[plog.SeverityNumber]string{1: "TRACE", 4: "TRACE", 5: "DEBUG", 9: "INFO", 13: "WARN", 17: "ERROR", 20: "ERROR", 21: "FATAL", 24: "FATAL", 25: "INFO"} {
		if got := levelOf(n, ""); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	for word, want := range map[string]string{"": "INFO", "Warning": "WARN", "err": "ERROR", "CRITICAL": "FATAL", "notice": "INFO"} {
		if got := levelOf(0, word); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(oneSpan))
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}]}}}]}]}]}`))
	f.Add([]byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asDouble":"NaN"}]}}]}]}]}`))
	f.Add([]byte(`{"resourceSpans":"\"`))
	f.Add([]byte(`{"resourceSpans":[null]}`))
	fuzzExport(f, jsonText)
}

func FuzzDecodeProto(f *testing.F) {
	f.Add(protoOf(f, oneSpan))
	f.Add(frame(1, frame(1, frame(1, frame(2, frame(5, frame(1, nil)))))))
	f.Add(frame(1, frame(2, frame(2, bytes.Repeat([]byte{0xff}, 12)))))
	fuzzExport(f, protobuf)
}

func fuzzExport(f *testing.F, enc encoding) {
	s, err := New(Config{Sink: new(discard), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, sig := range []signal{traces, logs, metrics} {
			_, err := s.export(context.Background(), sig, enc, body)
			if err == nil {
				continue
			}
			r, ok := err.(*refusal)
			if !ok || r.http == 500 {
				t.Fatalf("%s: %v", sig.name, err)
			}
		}
	})
}

type discard struct{}

func (*discard) Spans(context.Context, []observe.Span) (int, string, error) { return 0, "", nil }

// Metrics translates what it is given, and nothing of it may be what no counter says.
func (*discard) Metrics(_ context.Context, md pmetric.Metrics) (int, string, error) {
	for _, s := range Streams(md, everything) {
		for _, p := range s.Points {
			if p.Count < 0 || !(p.Rest >= 0 && p.Rest < 1) || p.At.IsZero() {
				return 0, "", fmt.Errorf("%+v", p)
			}
			if p.Spread != nil {
				_, _ = p.Spread.UpTo(0.5)
			}
			_ = p.Attrs()
		}
	}
	return 0, "", nil
}

func (*discard) Logs(context.Context, []observe.LogLine) (int, string, error) { return 0, "", nil }

// BenchmarkSpans is bytes to observe.Span for a batch of 1000 spans of ten attributes, on one core.
func BenchmarkSpans(b *testing.B) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	rs.Resource().Attributes().PutStr("k8s.pod.name", "checkout-7d9f8-abcde")
	ss := rs.ScopeSpans().AppendEmpty()
	for i := range 1000 {
		sp := ss.Spans().AppendEmpty()
		sp.SetTraceID(pcommon.TraceID{1, 2, 3, byte(i), byte(i >> 8)})
		sp.SetSpanID(pcommon.SpanID{4, byte(i), byte(i >> 8)})
		sp.SetParentSpanID(pcommon.SpanID{5, byte(i), byte(i >> 8)})
		sp.SetName("GET /api/orders/{id}")
		sp.SetKind(ptrace.SpanKindClient)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(noon))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(noon.Add(time.Duration(i) * time.Millisecond)))
		for _, kv := range strings.Fields("http.request.method=GET url.path=/api/orders/42 server.address=orders network.protocol.version=1.1 user_agent.original=curl/8 peer.service=orders http.route=/api/orders/{id} thread.name=main") {
			k, v, _ := strings.Cut(kv, "=")
			sp.Attributes().PutStr(k, v)
		}
		sp.Attributes().PutInt("http.response.status_code", 200)
		sp.Attributes().PutInt("thread.id", int64(i))
	}
	req := ptraceotlp.NewExportRequestFromTraces(td)
	proto, _ := req.MarshalProto()
	text, _ := req.MarshalJSON()
	s, err := New(Config{Sink: new(discard)})
	if err != nil {
		b.Fatal(err)
	}
	for enc, body := range map[encoding][]byte{protobuf: proto, jsonText: text} {
		b.Run(strings.TrimPrefix(string(enc), "application/"), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.export(b.Context(), traces, enc, body); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "spans/s")
		})
	}
}
