package otlp

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"nightkeeper/internal/loop/observe"
)

// Streams translates the metrics that are wanted of a service. The others cost a look at their names.
func Streams(md pmetric.Metrics, wanted func(service, metric string) bool) (out []observe.Stream) {
	for _, rm := range md.ResourceMetrics().All() {
		service := originOf(rm.Resource()).service
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if wanted(service, m.Name()) {
					out = append(out, streamOf(rm.Resource().Attributes(), sm.Scope(), m, service))
				}
			}
		}
	}
	return out
}

func streamOf(resource pcommon.Map, scope pcommon.InstrumentationScope, m pmetric.Metric, service string) observe.Stream {
	out := observe.Stream{Metric: m.Name(), Service: service}
	attrs := func(point pcommon.Map) func() map[string]string {
		return func() map[string]string {
			all := make(map[string]string, resource.Len()+point.Len())
			for _, from := range []pcommon.Map{resource, point} {
				for k, v := range from.All() {
					all[k] = text(v)
				}
			}
			return all
		}
	}
	add := func(p dataPoint, count uint64, rest float64, spread observe.Distribution) {
		if p.Flags().NoRecordedValue() || p.Timestamp() == 0 || count > math.MaxInt64 {
			return
		}
		out.Points = append(out.Points, observe.MetricPoint{Key: keyOf(p.Attributes()), Attrs: attrs(p.Attributes()),
			Start: momentOf(p.StartTimestamp()), At: momentOf(p.Timestamp()), Count: int64(count), Rest: rest, Spread: spread})
	}
	temporality := pmetric.AggregationTemporalityCumulative
	switch m.Type() {
	case pmetric.MetricTypeSum:
		if out.Kind = observe.Counter; !m.Sum().IsMonotonic() {
			out.Kind = "counter that may go down"
			return out
		}
		temporality = m.Sum().AggregationTemporality()
		for _, p := range m.Sum().DataPoints().All() {
			if n, rest, ok := amount(p); ok {
				add(p, n, rest, nil)
			}
		}
	case pmetric.MetricTypeHistogram:
		out.Kind, temporality = observe.Histogram, m.Histogram().AggregationTemporality()
		for _, p := range m.Histogram().DataPoints().All() {
			var spread observe.Distribution
			if bounds, counts := p.ExplicitBounds().AsRaw(), p.BucketCounts().AsRaw(); len(bounds) > 0 && len(counts) == len(bounds)+1 {
				spread = observe.Explicit{Bounds: bounds, Counts: counts}
			}
			add(p, p.Count(), 0, spread)
		}
	case pmetric.MetricTypeExponentialHistogram:
		out.Kind, temporality = observe.Histogram, m.ExponentialHistogram().AggregationTemporality()
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			var below uint64
			for _, n := range p.Negative().BucketCounts().All() {
				below += n
			}
			add(p, p.Count(), 0, observe.Exponential{Scale: p.Scale(), Offset: p.Positive().Offset(), Counts: p.Positive().BucketCounts().AsRaw(), Zero: p.ZeroCount(), Negative: below})
		}
	default:
		out.Kind = kindOfMetric(m.Type())
		return out
	}
	out.Delta = temporality == pmetric.AggregationTemporalityDelta
	h := hash(offset64).text(service).text(scope.Name()).text(scope.Version()).text(m.Name()).text(out.Kind).text(temporality.String())
	out.Key = mixed(uint64(h) + keyOf(resource))
	return out
}

func kindOfMetric(t pmetric.MetricType) string {
	switch t {
	case pmetric.MetricTypeGauge:
		return "gauge"
	case pmetric.MetricTypeSummary:
		return "summary"
	}
	return "metric without a type"
}

// dataPoint is what points of all kinds have in common.
type dataPoint interface {
	Attributes() pcommon.Map
	StartTimestamp() pcommon.Timestamp
	Timestamp() pcommon.Timestamp
	Flags() pmetric.DataPointFlags
}

// amount returns a counter as a whole number and a fraction; ok is false for what no counter says.
func amount(p pmetric.NumberDataPoint) (n uint64, rest float64, ok bool) {
	if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return uint64(p.IntValue()), 0, p.IntValue() >= 0
	}
	whole, rest := math.Modf(p.DoubleValue())
	return uint64(whole), rest, p.DoubleValue() >= 0 && whole < math.MaxInt64
}

func momentOf(t pcommon.Timestamp) time.Time {
	if t == 0 || t > math.MaxInt64 {
		return time.Time{}
	}
	return t.AsTime()
}

// hash is FNV-1a: keys are kept over restarts, which a seeded hash could not be.
type hash uint64

const (
	offset64 = 14695981039346656037
	prime64  = 1099511628211
)

func (h hash) text(s string) hash {
	for i := range len(s) {
		h = (h ^ hash(s[i])) * prime64
	}
	return (h ^ 0xff) * prime64 // no UTF-8 has this byte: "ab","c" is not "a","bc"
}

// mixed spreads the bits of a number, as SplitMix64 does.
func mixed(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// keyOf returns a number that is the same for the same attributes in any order.
func keyOf(attrs pcommon.Map) (key uint64) {
	for k, v := range attrs.All() {
		key += mixed(uint64(hash(offset64).text(k).text(text(v))))
	}
	return key
}
