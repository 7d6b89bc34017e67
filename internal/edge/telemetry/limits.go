package telemetry

import (
	"time"

	"nightkeeper/internal/loop/observe"
)

// The row engine drops rows beyond these limits with nothing but a line in its log, so they are checked and counted
// before. They are a little tighter than its own.
const (
	maxFieldName = 128 - len(spanAttr)
	maxFields    = 1000
	maxRowBytes  = 1 << 20
)

// rejection counts rows that were refused and remembers the first reason.
type rejection struct {
	rows   int
	reason string
}

func (r *rejection) add(n int, reason string) {
	if n <= 0 {
		return
	}
	if r.reason == "" {
		r.reason = reason
	}
	r.rows += n
}

// spanFault says why a span cannot be kept; empty when it can.
func spanFault(s *observe.Span, now time.Time, retention time.Duration) string {
	if s.TraceID == "" || s.SpanID == "" {
		return "span without trace id or span id"
	}
	n := len(s.Name) + len(s.Message) + len(s.Service)
	return rowFault(s.Start, s.Attrs, n, now, retention)
}

// lineFault says why a log line cannot be kept; empty when it can.
func lineFault(l *observe.LogLine, now time.Time, retention time.Duration) string {
	return rowFault(l.Time, l.Attrs, len(l.Text)+len(l.Service), now, retention)
}

func rowFault(at time.Time, attrs map[string]string, bytes int, now time.Time, retention time.Duration) string {
	switch {
	case at.Before(now.Add(-retention)):
		return "older than the retention"
	case at.After(now.Add(maxAhead)):
		return "more than 10 minutes in the future"
	case len(attrs) > maxFields:
		return "more than 1000 attributes"
	}
	for k, v := range attrs {
		if len(k) > maxFieldName {
			return "attribute name longer than 118 bytes"
		}
		bytes += len(k) + len(v)
	}
	if bytes > maxRowBytes {
		return "larger than 1 MiB"
	}
	return ""
}
