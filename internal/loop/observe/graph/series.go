package graph

import (
	"strconv"
	"time"

	"nightkeeper/internal/loop/observe"
)

// totals are what was emitted so far: cumulative, as counters are; a restart resets them, which PromQL understands.
type totals struct {
	bucket   int64
	services map[string]*Stats
	edges    map[Edge]*Stats
}

// Series returns cumulative counters of everything counted up to the last finished bucket, under the names that trace
// engines use: traces_spanmetrics_* per service and traces_service_graph_* per call. Series without any traffic since
// the start are left out.
func (l *Live) Series(now time.Time) []observe.Series {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := bucketOf(now) - 2
	t := &l.emitted
	if t.services == nil {
		*t = totals{last - 1, map[string]*Stats{}, map[Edge]*Stats{}}
	}
	for b := max(t.bucket+1, last-Keep); b <= last; b++ {
		for name, n := range l.services {
			if c := n.get(b); c != nil {
				grow(t.services, name).add(c)
			}
		}
		for e, s := range l.edges {
			if c := s.get(b); c != nil {
				grow(t.edges, Edge{e.Client, l.name(e.Server)}).add(c)
			}
		}
	}
	t.bucket = max(t.bucket, last)
	w := writer{at: time.Unix(0, (last+1)*int64(Width))}
	for name, s := range t.services {
		w.service(name, s)
	}
	for e, s := range t.edges {
		w.edge(e, s)
	}
	return w.out
}

func grow[K comparable](m map[K]*Stats, k K) *Stats {
	s := m[k]
	if s == nil {
		s = &Stats{}
		m[k] = s
	}
	return s
}

// writer collects samples of one moment.
type writer struct {
	at  time.Time
	out []observe.Series
}

func (w *writer) add(name string, v float64, labels ...string) {
	m := map[string]string{"__name__": name}
	for i := 0; i < len(labels); i += 2 {
		m[labels[i]] = labels[i+1]
	}
	w.out = append(w.out, observe.Series{Labels: m, Points: []observe.Point{{At: w.at, Value: v}}})
}

func (w *writer) service(name string, s *Stats) {
	w.add("traces_spanmetrics_calls_total", float64(s.Requests-s.Errors), "service", name, "status_code", "STATUS_CODE_UNSET")
	w.add("traces_spanmetrics_calls_total", float64(s.Errors), "service", name, "status_code", "STATUS_CODE_ERROR")
	var n float64
	for i, c := range s.Hist {
		n += float64(c)
		if i%2 == 0 {
			w.add("traces_spanmetrics_latency_bucket", n, "service", name, "le", strconv.FormatFloat(histUpper(i).Seconds(), 'g', -1, 64))
		}
	}
	w.add("traces_spanmetrics_latency_bucket", n, "service", name, "le", "+Inf")
	w.add("traces_spanmetrics_latency_count", n, "service", name)
	w.add("traces_spanmetrics_latency_sum", s.Total.Seconds(), "service", name)
}

func (w *writer) edge(e Edge, s *Stats) {
	w.add("traces_service_graph_request_total", float64(s.Requests), "client", e.Client, "server", e.Server)
	w.add("traces_service_graph_request_failed_total", float64(s.Errors), "client", e.Client, "server", e.Server)
	w.add("traces_service_graph_request_client_seconds_sum", s.Total.Seconds(), "client", e.Client, "server", e.Server)
	w.add("traces_service_graph_request_client_seconds_count", float64(s.Requests), "client", e.Client, "server", e.Server)
}
