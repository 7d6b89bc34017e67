package otlp

import (
	"math"
	"reflect"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"nightkeeper/internal/loop/observe"
)

func everything(string, string) bool { return true }

func TestStreamsAreTranslated(t *testing.T) {
	req := pmetricotlp.NewExportRequest()
	must(t, req.UnmarshalJSON(example(t, "metrics.json")))
	got := map[string]observe.Stream{}
	keys := map[uint64]bool{}
	for _, s := range Streams(req.Metrics(), everything) {
		got[s.Metric] = s
		keys[s.Key] = true
	}
	if s := got["carts"]; s.Kind != observe.Counter || s.Delta || s.Service != "checkout" || len(s.Points) != 1 || s.Points[0].Count != 12 ||
		s.Points[0].Start.Unix() != 1763728700 || s.Points[0].At.Unix() != 1763728800 || s.Points[0].Attrs()["service.name"] != "checkout" {
		t.Errorf("carts: %+v", s)
	}
	if s := got["queue"]; s.Kind != "gauge" || len(s.Points) != 0 {
		t.Errorf("queue: %+v", s)
	}
	if s := got["wait"]; s.Kind != observe.Histogram || s.Points[0].Count != 3 || !reflect.DeepEqual(s.Points[0].Spread, observe.Explicit{Bounds: []float64{5, 20}, Counts: []uint64{1, 1, 1}}) {
		t.Errorf("wait: %+v", s)
	}
	if s := got["spread"]; !reflect.DeepEqual(s.Points[0].Spread, observe.Exponential{Offset: 1, Counts: []uint64{0, 2}, Zero: 1}) {
		t.Errorf("spread: %+v", s)
	}
	if len(keys) != 4 {
		t.Errorf("4 metrics have %d keys", len(keys))
	}
	if s := Streams(req.Metrics(), func(service, metric string) bool { return service == "checkout" && metric == "wait" }); len(s) != 1 {
		t.Errorf("of wait alone: %d", len(s))
	}
}

// A series is the same in any order of its attributes, and another one when any of them differs.
func TestKeysFollowWhatASeriesIs(t *testing.T) {
	key := func(attrs ...string) uint64 {
		m := pcommon.NewMap()
		for i := 0; i < len(attrs); i += 2 {
			m.PutStr(attrs[i], attrs[i+1])
		}
		return keyOf(m)
	}
	if key("a", "1", "b", "2") != key("b", "2", "a", "1") {
		t.Error("the order counts")
	}
	seen := map[uint64]bool{}
	for _, attrs := range [][]string{{}, {"a", "1"}, {"a", "2"}, {"b", "1"}, {"a", "1", "b", "2"}, {"a", "2", "b", "1"}, {"a", "1b"}, {"a1", "b"}, {"a", ""}} {
		if k := key(attrs...); seen[k] {
			t.Errorf("%q has the key of another", attrs)
		} else {
			seen[k] = true
		}
	}
}

func TestPointsThatSayNothingAreLeftOut(t *testing.T) {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("m")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	point := func(change func(pmetric.NumberDataPoint)) {
		p := sum.DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(noon))
		change(p)
	}
	point(func(p pmetric.NumberDataPoint) { p.SetDoubleValue(2.5) })
	point(func(p pmetric.NumberDataPoint) { p.SetDoubleValue(math.NaN()) })
	point(func(p pmetric.NumberDataPoint) { p.SetDoubleValue(math.Inf(1)) })
	point(func(p pmetric.NumberDataPoint) { p.SetDoubleValue(-1) })
	point(func(p pmetric.NumberDataPoint) { p.SetIntValue(-1) })
	point(func(p pmetric.NumberDataPoint) {
		p.SetIntValue(1)
		p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	})
	point(func(p pmetric.NumberDataPoint) { p.SetIntValue(1); p.SetTimestamp(0) })
	s := Streams(md, everything)
	if len(s) != 1 || !s[0].Delta || len(s[0].Points) != 1 || s[0].Points[0].Count != 2 || s[0].Points[0].Rest != 0.5 || !s[0].Points[0].Start.IsZero() {
		t.Errorf("%+v", s)
	}
	sum.SetIsMonotonic(false)
	if s := Streams(md, everything); s[0].Kind != "counter that may go down" || len(s[0].Points) != 0 {
		t.Errorf("%+v", s)
	}
}
