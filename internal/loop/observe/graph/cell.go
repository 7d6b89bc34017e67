package graph

import (
	"math"
	"math/bits"
	"time"
)

// Width is the length of one bucket, and Keep how many are kept.
const (
	Width = 10 * time.Second
	Keep  = 360
)

// histBuckets covers 1 ms to about 65 s, two buckets per doubling.
const histBuckets = 34

// Hist counts durations in logarithmic buckets.
type Hist [histBuckets]uint32

func histIndex(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < 1000 {
		return 0
	}
	ms := us / 1000
	exp := bits.Len64(ms) - 1
	i := 1 + 2*exp
	if half := uint64(1)<<exp + uint64(1)<<exp/2; exp > 0 && ms >= half {
		i++
	}
	return min(i, histBuckets-1)
}

// histUpper returns the upper bound of a bucket.
func histUpper(i int) time.Duration {
	if i == 0 {
		return time.Millisecond
	}
	exp := (i - 1) / 2
	lo := time.Duration(1<<exp) * time.Millisecond
	if (i-1)%2 == 0 && exp > 0 {
		return lo + lo/2
	}
	return 2 * lo
}

// Stats is what was counted over a span of time. Durations are sums; use the methods for means and quantiles.
type Stats struct {
	Requests  int64         `json:"requests"`
	Errors    int64         `json:"errors"`
	Roots     int64         `json:"roots,omitempty"`       // requests that no other service made: a customer or a job
	RootErrs  int64         `json:"root_errors,omitempty"` // of those, failed
	Resends   int64         `json:"resends,omitempty"`     // calls that repeat a failed one
	Refused   int64         `json:"refused,omitempty"`     // calls that no server took: refused, reset
	Timeouts  int64         `json:"timeouts,omitempty"`    // calls that the caller gave up
	Rejected  int64         `json:"rejected,omitempty"`    // requests turned away by overload: no room in a queue, no connection left, an open breaker
	Denied    int64         `json:"denied,omitempty"`      // calls answered with a 4xx, which servers do not count as a failure of theirs
	Blocked   int64         `json:"blocked,omitempty"`     // calls that never left the caller: its own pool had no connection for them
	Passed    int64         `json:"passed,omitempty"`      // requests that failed because a call of theirs did
	Origin    int64         `json:"origin,omitempty"`      // failed requests that neither a call, a wait nor overload explains
	Hung      int64         `json:"hung,omitempty"`        // of the other failed ones: nothing happened until the time was up
	Total     time.Duration `json:"total"`
	Self      time.Duration `json:"self,omitempty"`       // in the service itself: not in calls, queues or pools
	QueueWait time.Duration `json:"queue_wait,omitempty"` // waiting for a worker
	PoolWait  time.Duration `json:"pool_wait,omitempty"`  // waiting for a connection
	Hist      Hist          `json:"hist"`
	SelfHist  Hist          `json:"self_hist"` // time in the service itself, of good requests: failing is no work
}

// Add counts what another span of time had.
func (s *Stats) Add(o Stats) { s.add(&o) }

func (s *Stats) add(o *Stats) {
	s.Requests += o.Requests
	s.Errors += o.Errors
	s.Roots += o.Roots
	s.RootErrs += o.RootErrs
	s.Resends += o.Resends
	s.Refused += o.Refused
	s.Timeouts += o.Timeouts
	s.Rejected += o.Rejected
	s.Denied += o.Denied
	s.Blocked += o.Blocked
	s.Passed += o.Passed
	s.Hung += o.Hung
	s.Origin += o.Origin
	s.Total += o.Total
	s.Self += o.Self
	s.QueueWait += o.QueueWait
	s.PoolWait += o.PoolWait
	for i := range s.Hist {
		s.Hist[i] += o.Hist[i]
		s.SelfHist[i] += o.SelfHist[i]
	}
}

// ErrorShare returns failed requests as a share of all, 0 when there were none.
func (s *Stats) ErrorShare() float64 {
	if s.Requests == 0 {
		return 0
	}
	return float64(s.Errors) / float64(s.Requests)
}

// SlowerThan returns how many good requests spent longer than d in the service itself, by the buckets that lie above d.
func (s *Stats) SlowerThan(d time.Duration) int64 {
	var n int64
	for i := histIndex(d) + 1; i < histBuckets; i++ {
		n += int64(s.SelfHist[i])
	}
	return n
}

// Mean returns the mean duration, 0 when there were no requests.
func (s *Stats) Mean() time.Duration { return per(s.Total, s.Requests) }

// MeanSelf returns the mean time a request spent in the service itself.
func (s *Stats) MeanSelf() time.Duration { return per(s.Self, s.Requests) }

// Quantile returns the upper bound of the bucket that holds the q-quantile of durations.
func (s *Stats) Quantile(q float64) time.Duration { return s.Hist.Quantile(q) }

// Bound returns the upper bound of the i-th bucket.
func (h *Hist) Bound(i int) time.Duration { return histUpper(i) }

// Count returns how many durations were counted.
func (h *Hist) Count() int64 {
	var n int64
	for _, c := range h {
		n += int64(c)
	}
	return n
}

// Mean estimates the mean from the middles of the buckets, 0 when the histogram is empty.
func (h *Hist) Mean() time.Duration {
	var n int64
	var sum, lower time.Duration
	for i, c := range h {
		upper := histUpper(i)
		n += int64(c)
		sum += time.Duration(c) * (lower + upper) / 2
		lower = upper
	}
	return per(sum, n)
}

// Quantile returns the upper bound of the bucket that holds the q-quantile, 0 when the histogram is empty.
func (h *Hist) Quantile(q float64) time.Duration {
	var n uint64
	for _, c := range h {
		n += uint64(c)
	}
	if n == 0 {
		return 0
	}
	want := uint64(math.Ceil(q * float64(n)))
	var seen uint64
	for i, c := range h {
		seen += uint64(c)
		if seen >= max(want, 1) {
			return histUpper(i)
		}
	}
	return histUpper(histBuckets - 1)
}

func per(d time.Duration, n int64) time.Duration {
	if n == 0 {
		return 0
	}
	return d / time.Duration(n)
}

// series is a ring of buckets.
type series struct {
	at    [Keep]int64 // number of the bucket in each slot
	cells [Keep]*Stats
}

// cell returns the counts of a bucket to add to, or nil when it is no longer kept, or was before 1970.
func (s *series) cell(bucket int64) *Stats {
	if bucket < 0 {
		return nil
	}
	i := int(bucket % Keep)
	if s.cells[i] == nil || s.at[i] < bucket {
		s.cells[i], s.at[i] = &Stats{}, bucket
	}
	if s.at[i] != bucket {
		return nil
	}
	return s.cells[i]
}

func (s *series) get(bucket int64) *Stats {
	if bucket < 0 {
		return nil
	}
	i := int(bucket % Keep)
	if s.cells[i] == nil || s.at[i] != bucket {
		return nil
	}
	return s.cells[i]
}

func (s *series) sum(from, to int64) Stats {
	var out Stats
	for b := max(from, to-Keep); b < to; b++ {
		if c := s.get(b); c != nil {
			out.add(c)
		}
	}
	return out
}

func bucketOf(t time.Time) int64 { return t.UnixNano() / int64(Width) }
