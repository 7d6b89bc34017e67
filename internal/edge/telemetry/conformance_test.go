package telemetry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

// store is what both the engine and its host are.
type store interface {
	observe.Telemetry
	WriteSpans(context.Context, []observe.Span) (int, string, error)
	WriteLogs(context.Context, []observe.LogLine) (int, string, error)
	WriteMetrics(context.Context, pmetric.Metrics) (int, string, error)
	WriteSamples(context.Context, []observe.Series) (int, string, error)
}

func TestEngineConforms(t *testing.T) {
	e := openEngine(t, EngineConfig{Dir: t.TempDir()})
	conform(t, e)
}

func TestHostConforms(t *testing.T) {
	h := startHost(t, HostConfig{Dir: t.TempDir()})
	conform(t, h)
}

// conform checks the promises of observe.Telemetry. All rows are of the last hour, a minute apart.
func conform(t *testing.T, s store) {
	now := time.Now().UTC().Truncate(time.Second)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	ctx := t.Context()

	spans := []observe.Span{
		{
			TraceID: tid(1), SpanID: sid(1), Service: "shop", Version: "1.2", Instance: "shop-1", Name: "GET /checkout",
			Kind: observe.Server, Start: ago(10 * time.Minute), Duration: 900 * time.Millisecond, Error: true,
			Message: "payment gave up", Attrs: map[string]string{"http.response.status_code": "500", "user.tier": "gold"},
		},
		{
			TraceID: tid(1), SpanID: sid(2), ParentID: sid(1), Service: "shop", Name: "POST", Kind: observe.Client,
			Start: ago(10*time.Minute - time.Millisecond), Duration: 800 * time.Millisecond, Error: true, Peer: "payment", Resend: 2,
		},
		{
			TraceID: tid(1), SpanID: sid(3), ParentID: sid(2), Service: "payment", Name: "charge", Kind: observe.Server,
			Start: ago(10*time.Minute - 2*time.Millisecond), Duration: 700 * time.Millisecond,
		},
		{
			TraceID: tid(2), SpanID: sid(4), Service: "payment", Name: "SELECT cards", Kind: observe.Client, DB: "postgresql",
			Start: ago(5 * time.Minute), Duration: 3 * time.Millisecond, Attrs: map[string]string{`odd "name":{}|`: `va"lue\`},
		},
		{TraceID: tid(3), SpanID: sid(5), Service: "search", Name: "index", Kind: observe.Internal, Start: ago(50 * time.Minute), Duration: time.Second},
		{TraceID: tid(3), SpanID: sid(6), Service: "search", Name: "queue", Kind: observe.Consumer, Start: ago(time.Second), Duration: time.Millisecond},
	}
	mustWrite(t)(s.WriteSpans(ctx, spans))
	mustWrite(t)(s.WriteSpans(ctx, spans[:1])) // a sender repeated itself

	lines := []observe.LogLine{
		{Time: ago(9 * time.Minute), Service: "shop", Level: "ERROR", Text: "Deadlock found when trying to get lock", TraceID: tid(1), SpanID: sid(1)},
		{Time: ago(8 * time.Minute), Service: "shop", Level: "WARN", Text: "slow query", Attrs: map[string]string{"ms": "812", "level": "seven", "_x": "y"}},
		{Time: ago(7 * time.Minute), Service: "shop", Level: "INFO", Text: "order placed"},
		{Time: ago(6 * time.Minute), Service: "payment", Level: "FATAL", Text: "Connection reset by peer (10.0.0.7)"},
		{Time: ago(55 * time.Minute), Service: "payment", Level: "DEBUG", Text: "old one\nwith two lines"},
	}
	mustWrite(t)(s.WriteLogs(ctx, lines))

	mustWrite(t)(s.WriteMetrics(ctx, gauge("queue.depth", "shop", now, 7)))
	mustWrite(t)(s.WriteSamples(ctx, []observe.Series{{
		Labels: map[string]string{"__name__": "traces_spanmetrics_calls_total", "service": "shop"},
		Points: []observe.Point{{At: ago(2 * time.Minute), Value: 100}, {At: ago(time.Minute), Value: 160}},
	}}))
	settle(t, s, tid(3), len(lines))

	spanCases := []struct {
		name string
		f    observe.Filter
		want string // span numbers, newest first
	}{
		{"everything", observe.Filter{}, "6 4 3 2 1 5"},
		{"service", observe.Filter{Service: "payment"}, "4 3"},
		{"unknown service", observe.Filter{Service: "nobody"}, ""},
		{"trace id in any case", observe.Filter{TraceID: strings.ToUpper(tid(2))}, "4"},
		{"errors only", observe.Filter{ErrorsOnly: true}, "2 1"},
		{"minimal duration", observe.Filter{MinDuration: 800 * time.Millisecond}, "2 1 5"},
		{"kind", observe.Filter{Kind: observe.Client}, "4 2"},
		{"kind that is not one", observe.Filter{Kind: "strange"}, ""},
		{"attribute", observe.Filter{Attrs: map[string]string{"user.tier": "gold"}}, "1"},
		{"attribute with odd signs", observe.Filter{Attrs: map[string]string{`odd "name":{}|`: `va"lue\`}}, "4"},
		{"two attributes", observe.Filter{Attrs: map[string]string{"user.tier": "gold", "http.response.status_code": "200"}}, ""},
		{"text in the name", observe.Filter{Text: "select"}, "4"},
		{"text in the message", observe.Filter{Text: "GAVE up"}, "1"},
		{"text is no query language", observe.Filter{Text: `x") or (*`}, ""},
		{"from", observe.Filter{From: ago(6 * time.Minute)}, "6 4"},
		{"half-open range", observe.Filter{From: spans[4].Start, To: spans[0].Start}, "5"},
		{"limit", observe.Filter{Limit: 2}, "6 4"},
		{"limit over windows", observe.Filter{Limit: 5}, "6 4 3 2 1"},
		{"all at once", observe.Filter{Service: "shop", ErrorsOnly: true, Kind: observe.Server, From: ago(time.Hour), Text: "checkout"}, "1"},
	}
	for _, c := range spanCases {
		t.Run("spans by "+c.name, func(t *testing.T) {
			got, err := s.Spans(ctx, c.f)
			if err != nil {
				t.Fatal(err)
			}
			var nums []string
			for _, sp := range got {
				nums = append(nums, strings.TrimLeft(sp.SpanID, "0"))
			}
			if g := strings.Join(nums, " "); g != c.want {
				t.Errorf("got spans %q, want %q", g, c.want)
			}
		})
	}

	lineCases := []struct {
		name string
		f    observe.Filter
		want []string
	}{
		{"everything", observe.Filter{}, []string{"Conn", "orde", "slow", "Dead", "old "}},
		{"service", observe.Filter{Service: "shop"}, []string{"orde", "slow", "Dead"}},
		{"level or worse", observe.Filter{Level: "WARN"}, []string{"Conn", "slow", "Dead"}},
		{"level in lower case", observe.Filter{Level: "error"}, []string{"Conn", "Dead"}},
		{"phrase in any case", observe.Filter{Text: "DEADLOCK FOUND when"}, []string{"Dead"}},
		{"phrase with signs", observe.Filter{Text: "peer (10.0"}, []string{"Conn"}},
		{"start of a word", observe.Filter{Text: "dead"}, []string{"Dead"}},
		{"phrase that is not there", observe.Filter{Text: "found deadlock"}, nil},
		{"trace id", observe.Filter{TraceID: tid(1)}, []string{"Dead"}},
		{"attribute", observe.Filter{Attrs: map[string]string{"ms": "812"}}, []string{"slow"}},
		{"attribute with a name of ours", observe.Filter{Attrs: map[string]string{"level": "seven"}}, []string{"slow"}},
		{"attribute with an underscore", observe.Filter{Attrs: map[string]string{"_x": "y"}}, []string{"slow"}},
		{"half-open range", observe.Filter{From: lines[1].Time, To: lines[3].Time}, []string{"orde", "slow"}},
		{"limit", observe.Filter{Limit: 1}, []string{"Conn"}},
	}
	for _, c := range lineCases {
		t.Run("logs by "+c.name, func(t *testing.T) {
			got, err := s.Logs(ctx, c.f)
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, l := range got {
				texts = append(texts, l.Text[:4])
			}
			if !slices.Equal(texts, c.want) {
				t.Errorf("got %q, want %q", texts, c.want)
			}
		})
	}

	t.Run("a span comes back as it was", func(t *testing.T) {
		for i := range spans {
			got, err := s.Spans(ctx, observe.Filter{TraceID: spans[i].TraceID, From: spans[i].Start, To: spans[i].Start.Add(1)})
			if err != nil || len(got) != 1 {
				t.Fatalf("got %v, %v", got, err)
			}
			if g, w := fmt.Sprintf("%+v", got[0]), fmt.Sprintf("%+v", spans[i]); g != w {
				t.Errorf("got  %s\nwant %s", g, w)
			}
		}
	})
	t.Run("a line comes back as it was", func(t *testing.T) {
		for i := range lines {
			got, err := s.Logs(ctx, observe.Filter{From: lines[i].Time, To: lines[i].Time.Add(1)})
			if err != nil || len(got) != 1 {
				t.Fatalf("got %v, %v", got, err)
			}
			if g, w := fmt.Sprintf("%+v", got[0]), fmt.Sprintf("%+v", lines[i]); g != w {
				t.Errorf("got  %s\nwant %s", g, w)
			}
		}
	})
	t.Run("a trace has its spans once and in order of start", func(t *testing.T) {
		got, err := s.Trace(ctx, strings.ToUpper(tid(1)))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 3 || got[0].SpanID != sid(1) || got[1].SpanID != sid(2) || got[2].SpanID != sid(3) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a long trace is whole", func(t *testing.T) {
		got, err := s.Trace(ctx, tid(3))
		if err != nil || len(got) != 2 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("a trace that is not there is not found", func(t *testing.T) {
		if _, err := s.Trace(ctx, tid(99)); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("got %v", err)
		}
	})
	t.Run("metrics answer PromQL", func(t *testing.T) {
		got, err := s.Metrics(ctx, `queue_depth{service_name="shop"}`, now, now, 0)
		if err != nil || len(got) != 1 || got[0].Points[0].Value != 7 || got[0].Labels["service_name"] != "shop" {
			t.Errorf("got %+v, %v", got, err)
		}
		got, err = s.Metrics(ctx, `increase(traces_spanmetrics_calls_total[2m1s])`, ago(time.Minute), now, 30*time.Second)
		if err != nil || len(got) != 1 || len(got[0].Points) < 1 || got[0].Points[0].Value < 60 {
			t.Errorf("got %+v, %v", got, err)
		}
		got, err = s.Metrics(ctx, `0/0`, now, now, 0)
		if err != nil || len(got) != 1 || got[0].Points[0].Value == got[0].Points[0].Value {
			t.Errorf("NaN: got %+v, %v", got, err)
		}
	})
	t.Run("a wrong expression is named", func(t *testing.T) {
		f := func(query string, from, to time.Time, step time.Duration, want string) {
			t.Helper()
			_, err := s.Metrics(ctx, query, from, to, step)
			if errs.CodeOf(err) != errs.Invalid || !strings.Contains(errs.Message(err), want) {
				t.Errorf("%s: got %v, want %q", query, err, want)
			}
		}
		f("sum(up", now, now, 0, "1:7: parse error")
		f("up{", ago(time.Hour), now, time.Minute, "parse error")
		f("up", ago(24*time.Hour), now, time.Second, "11000")
		f("up", now, ago(time.Hour), time.Second, "before its start")
		f("up", ago(time.Hour), now, 0, "step")
		f(`"text"`, now, now, 0, "string")
	})
	t.Run("points at fault are counted and the others kept", func(t *testing.T) {
		md := gauge("fine", "shop", now, 1)
		sum := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
		sum.SetName("delta")
		sum.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		sum.Sum().DataPoints().AppendEmpty().SetTimestamp(pcommon.NewTimestampFromTime(now))
		n, reason, err := s.WriteMetrics(ctx, md)
		if err != nil || n != 1 || !strings.Contains(reason, "cumulative") {
			t.Errorf("got %d %q %v", n, reason, err)
		}
		eventually(t, func() bool {
			got, err := s.Metrics(ctx, "fine", now, now, 0)
			return err == nil && len(got) == 1
		})
	})
	t.Run("rows at fault are counted and the others kept", func(t *testing.T) {
		n, reason, err := s.WriteSpans(ctx, []observe.Span{
			{TraceID: tid(7), SpanID: sid(7), Service: "late", Start: now.Add(-100 * 24 * time.Hour)},
			{TraceID: tid(7), SpanID: sid(8), Service: "late", Start: now},
			{SpanID: sid(9), Service: "late", Start: now},
		})
		if err != nil || n != 2 || reason != "older than the retention" {
			t.Errorf("got %d %q %v", n, reason, err)
		}
		n, reason, err = s.WriteLogs(ctx, []observe.LogLine{
			{Time: now, Service: "late", Text: "big", Attrs: map[string]string{"x": strings.Repeat("x", 2<<20)}},
			{Time: now, Service: "late", Text: "name", Attrs: map[string]string{strings.Repeat("x", 200): "x"}},
			{Time: now.Add(time.Hour), Service: "late", Text: "future"},
		})
		if err != nil || n != 3 || reason != "larger than 1 MiB" {
			t.Errorf("got %d %q %v", n, reason, err)
		}
		eventually(t, func() bool {
			got, err := s.Spans(ctx, observe.Filter{Service: "late"})
			return err == nil && len(got) == 1
		})
	})
	t.Run("a cancelled question ends at once", func(t *testing.T) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.Spans(gone, observe.Filter{}); err == nil {
			t.Error("want an error")
		}
	})
}
