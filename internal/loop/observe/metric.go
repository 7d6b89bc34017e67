package observe

import (
	"math"
	"time"
)

// Stream is what a sender reported at once of one metric of one resource.
type Stream struct {
	Key     uint64 // the same for the same metric of the same resource and scope
	Metric  string // as OTLP names it
	Service string
	Kind    string // "counter" or "histogram"; of others, such as "gauge", there are no points
	Delta   bool   // points say what came since the one before, not since their start
	Points  []MetricPoint
}

// Kinds of streams whose events can be counted.
const (
	Counter   = "counter"
	Histogram = "histogram"
)

// MetricPoint is a point of one series.
type MetricPoint struct {
	Key    uint64                   // the same for the same attributes
	Attrs  func() map[string]string // of the point and its resource, as text
	Start  time.Time                // when counting began; zero when the sender does not say
	At     time.Time
	Count  int64        // of the counter, or observations
	Rest   float64      // what is left of a counter with fractions: from 0 to below 1
	Spread Distribution // of a histogram; nil when it has no buckets
}

// Distribution says how observations are spread.
type Distribution interface {
	// UpTo returns how many observations are at most a value above 0, and whether that is exact: else the value is within a
	// bucket with observations, and a share of them is taken.
	UpTo(v float64) (n int64, exact bool)
}

// Explicit is a histogram with bounds in ascending order: Counts[i] observations are at most Bounds[i] and above the bound
// before. The last count is of those above all bounds.
type Explicit struct {
	Bounds []float64
	Counts []uint64
}

// UpTo takes observations as spread evenly within a bucket, the first of which begins at 0. Those above all bounds are
// above any other value too.
func (e Explicit) UpTo(v float64) (n int64, exact bool) {
	for i, c := range e.Counts {
		if i >= len(e.Bounds) {
			return n, c == 0 || same(v, lastOf(e.Bounds))
		}
		if upper := e.Bounds[i]; upper <= v || same(upper, v) {
			n += int64(c)
			continue
		}
		lower := 0.0
		if i > 0 {
			lower = e.Bounds[i-1]
		}
		if same(lower, v) && i > 0 {
			return n, true
		}
		return n + share(c, (v-lower)/(e.Bounds[i]-lower)), c == 0
	}
	return n, true
}

func lastOf(bounds []float64) float64 {
	if len(bounds) == 0 {
		return math.NaN()
	}
	return bounds[len(bounds)-1]
}

// same compares bounds: 0.3 of one sender is 0.30000000000000004 of another.
func same(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }

// share returns a part of observations, from none to all of them.
func share(c uint64, part float64) int64 {
	if !(part > 0) { // written so that what is not a number is none
		return 0
	}
	return int64(math.Round(float64(c) * min(part, 1)))
}

// Exponential is a histogram whose bounds are powers of 2^(2^-Scale): Counts[i] observations are above the power
// Offset+i and at most the next one. Zero are those that are 0 or next to it, Negative those below.
type Exponential struct {
	Scale    int32
	Offset   int32
	Counts   []uint64
	Zero     uint64
	Negative uint64
}

// UpTo takes the logarithms of observations as spread evenly within a bucket.
func (e Exponential) UpTo(v float64) (n int64, exact bool) {
	n = int64(e.Zero) + int64(e.Negative)
	power := math.Ldexp(math.Log2(v), int(e.Scale))
	if k := math.Round(power); same(math.Exp2(math.Ldexp(k, -int(e.Scale))), v) {
		power = k
	}
	whole := math.Floor(power)
	exact = whole == power
	for i, c := range e.Counts {
		switch k := float64(e.Offset) + float64(i); {
		case k < whole:
			n += int64(c)
		case k == whole && !exact:
			return n + share(c, power-whole), c == 0
		default:
			return n, true
		}
	}
	return n, true
}
