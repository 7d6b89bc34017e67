package telemetry

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"nightkeeper/internal/loop/observe"
)

// A trace by id would have to look at every block of spans, so the time of each trace is kept in an index: one row for
// each trace and each stretch of time that it covers, in streams chosen by the hash of the id.
const (
	fieldIndexStream = "trace_id_idx_stream"
	fieldIndex       = "trace_id_idx"
	indexStreams     = 64
	// traceReach is how far from an indexed time spans of the trace are looked for; an index row is written for a span
	// that is further away than traceStretch from the one that is there.
	traceReach   = 45 * time.Second
	traceStretch = 30 * time.Second
	maxTraceRows = maxRows
)

// Spans and the index are two tenants of one store: neither is ever scanned for the other.
var (
	spanTenant  = logstorage.TenantID{}
	indexTenant = logstorage.TenantID{ProjectID: 1}
)

// traceIndex remembers which traces were indexed lately, so that a trace costs one row and not one for each span. It
// forgets in generations; forgetting costs a row too many and never one too few.
type traceIndex struct {
	mu        sync.Mutex
	cur, prev map[string]int64
	since     time.Time
}

const (
	generation     = time.Minute
	generationSize = 50_000
)

func newTraceIndex() *traceIndex { return &traceIndex{cur: map[string]int64{}} }

// isNew reports whether an index row must be written for a span of the trace at this time.
func (x *traceIndex) isNew(trace string, at, now time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.cur) >= generationSize || now.Sub(x.since) > generation {
		x.cur, x.prev, x.since = make(map[string]int64, len(x.cur)), x.cur, now
	}
	t, ok := x.cur[trace]
	if !ok {
		t, ok = x.prev[trace]
	}
	if ok && at.Sub(time.Unix(0, t)).Abs() <= traceStretch {
		return false
	}
	x.cur[strings.Clone(trace)] = at.UnixNano()
	return true
}

// Trace returns all spans of one trace in order of start, or an error with code not_found.
func (e *Engine) Trace(ctx context.Context, traceID string) ([]observe.Span, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	traceID = strings.ToLower(traceID)
	from, to, ok, err := e.traceTime(ctx, traceID)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noTrace(traceID)
	}
	spans, err := e.findSpans(ctx, spanQuery(observe.Filter{TraceID: traceID}), from, to, maxTraceRows)
	if err != nil {
		return nil, err
	}
	if len(spans) == 0 {
		return nil, noTrace(traceID)
	}
	slices.Reverse(spans)
	return spans, nil
}

// traceTime finds in which time the spans of a trace are.
func (e *Engine) traceTime(ctx context.Context, traceID string) (from, to time.Time, ok bool, err error) {
	oldest, newest := e.spans.bounds(time.Time{}, time.Now().Add(futureRetention), time.Now())
	where := streamIs(fieldIndexStream, indexStream(traceID)) + " " + fieldIs(fieldIndex, traceID)
	note := func(b *logstorage.DataBlock) {
		times, _ := b.GetTimestamps(nil)
		for _, n := range times {
			t := time.Unix(0, n)
			if !ok || t.Before(from) {
				from = t
			}
			if !ok || t.After(to) {
				to = t
			}
			ok = true
		}
	}
	// The newest row is enough to know that the trace exists; a long trace has more rows around it.
	if err = e.spans.newest(ctx, indexTenant, where, oldest, newest, 1, note); err != nil || !ok {
		return from, to, ok, err
	}
	if err = e.spans.newest(ctx, indexTenant, where, from.Add(-6*time.Hour), from, 1000, note); err != nil {
		return from, to, ok, err
	}
	return from.Add(-traceReach), to.Add(traceReach), true, nil
}

func indexFields(to []logstorage.Field, trace string) []logstorage.Field {
	return append(to,
		logstorage.Field{Name: fieldIndexStream, Value: indexStream(trace)},
		logstorage.Field{Name: fieldIndex, Value: trace},
	)
}

func indexStream(trace string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(trace))
	return strconv.Itoa(int(h.Sum32() % indexStreams))
}
