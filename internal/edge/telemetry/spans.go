package telemetry

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

// Fields of a span row, as VictoriaTraces names them, and three of ours for what was worked out at intake. The time of
// a row is the start of its span. Only the service is a stream: span names are not bounded.
const (
	fieldService  = "resource_attr:service.name"
	fieldVersion  = "resource_attr:service.version"
	fieldInstance = "resource_attr:service.instance.id"
	fieldTrace    = "trace_id"
	fieldSpan     = "span_id"
	fieldParent   = "parent_span_id"
	fieldName     = "name"
	fieldKind     = "kind"
	fieldDuration = "duration"
	fieldStatus   = "status_code"
	fieldMessage  = "status_message"
	fieldPeer     = "peer"
	fieldDB       = "db"
	fieldResend   = "resend"
	spanAttr      = "span_attr:"

	statusOK    = "0"
	statusError = "2"
)

var kindNumbers = map[observe.Kind]string{
	observe.Internal: "1", observe.Server: "2", observe.Client: "3", observe.Producer: "4", observe.Consumer: "5",
}

var kindNames = map[string]observe.Kind{
	"1": observe.Internal, "2": observe.Server, "3": observe.Client, "4": observe.Producer, "5": observe.Consumer,
}

// WriteSpans keeps spans. It returns how many were refused because of their own faults and the first reason; an error
// of code unavailable means that none was kept and that the same call may work later.
func (e *Engine) WriteSpans(ctx context.Context, spans []observe.Span) (rejected int, reason string, err error) {
	if err := ctx.Err(); err != nil {
		return 0, "", err
	}
	if err := e.writable("spans", e.spans.used.Load(), e.spans.limit); err != nil {
		return 0, "", err
	}
	now := time.Now()
	var rej rejection
	var fields []logstorage.Field
	e.spans.add(func(add func(logstorage.TenantID, time.Time, []logstorage.Field)) {
		for i := range spans {
			s := &spans[i]
			if fault := spanFault(s, now, e.cfg.Retention); fault != "" {
				rej.add(1, fault)
				continue
			}
			fields = spanFields(fields[:0], s)
			add(spanTenant, s.Start, fields)
			if e.traces.isNew(s.TraceID, s.Start, now) {
				fields = indexFields(fields[:0], s.TraceID)
				add(indexTenant, s.Start, fields)
			}
		}
	})
	return rej.rows, rej.reason, nil
}

// Spans returns the newest matching spans, newest first.
func (e *Engine) Spans(ctx context.Context, f observe.Filter) ([]observe.Span, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	from, to := e.spans.bounds(f.From, f.To, time.Now())
	return e.findSpans(ctx, spanQuery(f), from, to, rowLimit(f.Limit))
}

func (e *Engine) findSpans(ctx context.Context, where string, from, to time.Time, limit int) ([]observe.Span, error) {
	var out []observe.Span
	err := e.spans.newest(ctx, spanTenant, where, from, to, limit, func(b *logstorage.DataBlock) {
		out = appendSpans(out, b)
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b observe.Span) int { return b.Start.Compare(a.Start) })
	return distinct(out), nil
}

// distinct removes spans that came twice, which happens when a sender repeats a batch that had arrived.
func distinct(spans []observe.Span) []observe.Span {
	type id struct{ trace, span string }
	seen := make(map[id]bool, len(spans))
	return slices.DeleteFunc(spans, func(s observe.Span) bool {
		k := id{s.TraceID, s.SpanID}
		again := seen[k]
		seen[k] = true
		return again
	})
}

func spanFields(to []logstorage.Field, s *observe.Span) []logstorage.Field {
	status := statusOK
	if s.Error {
		status = statusError
	}
	to = append(to,
		logstorage.Field{Name: fieldService, Value: s.Service},
		logstorage.Field{Name: fieldTrace, Value: s.TraceID},
		logstorage.Field{Name: fieldSpan, Value: s.SpanID},
		logstorage.Field{Name: fieldParent, Value: s.ParentID},
		logstorage.Field{Name: fieldName, Value: s.Name},
		logstorage.Field{Name: fieldKind, Value: kindNumbers[s.Kind]},
		logstorage.Field{Name: fieldDuration, Value: strconv.FormatInt(int64(max(s.Duration, 0)), 10)},
		logstorage.Field{Name: fieldStatus, Value: status},
		logstorage.Field{Name: fieldMessage, Value: s.Message},
		logstorage.Field{Name: fieldVersion, Value: s.Version},
		logstorage.Field{Name: fieldInstance, Value: s.Instance},
		logstorage.Field{Name: fieldPeer, Value: s.Peer},
		logstorage.Field{Name: fieldDB, Value: s.DB},
	)
	if s.Resend != 0 {
		to = append(to, logstorage.Field{Name: fieldResend, Value: strconv.Itoa(s.Resend)})
	}
	for k, v := range s.Attrs {
		to = append(to, logstorage.Field{Name: spanAttr + k, Value: v})
	}
	return to
}

func appendSpans(to []observe.Span, b *logstorage.DataBlock) []observe.Span {
	times, _ := b.GetTimestamps(nil)
	first := len(to)
	to = append(to, make([]observe.Span, b.RowsCount())...)
	rows := to[first:]
	for i := range rows {
		if i < len(times) {
			rows[i].Start = time.Unix(0, times[i]).UTC()
		}
	}
	eachValue(b, func(i int, name, value string) {
		s := &rows[i]
		switch name {
		case fieldService:
			s.Service = value
		case fieldTrace:
			s.TraceID = value
		case fieldSpan:
			s.SpanID = value
		case fieldParent:
			s.ParentID = value
		case fieldName:
			s.Name = value
		case fieldKind:
			s.Kind = kindNames[value]
		case fieldDuration:
			n, _ := strconv.ParseInt(value, 10, 64)
			s.Duration = time.Duration(n)
		case fieldStatus:
			s.Error = value == statusError
		case fieldMessage:
			s.Message = value
		case fieldVersion:
			s.Version = value
		case fieldInstance:
			s.Instance = value
		case fieldPeer:
			s.Peer = value
		case fieldDB:
			s.DB = value
		case fieldResend:
			s.Resend, _ = strconv.Atoi(value)
		default:
			if k, ok := strings.CutPrefix(name, spanAttr); ok {
				if s.Attrs == nil {
					s.Attrs = make(map[string]string)
				}
				s.Attrs[k] = value
			}
		}
	})
	return to
}

// eachValue calls fn for each value that is not empty, with strings of its own. Equal neighbours in a column share one.
func eachValue(b *logstorage.DataBlock, fn func(row int, name, value string)) {
	for _, c := range b.GetColumns(false) {
		name := strings.Clone(c.Name)
		last := ""
		for i, v := range c.Values {
			if v == "" {
				continue
			}
			if v != last {
				last = strings.Clone(v)
			}
			fn(i, name, last)
		}
	}
}

func rowLimit(n int) int {
	switch {
	case n <= 0:
		return defaultRows
	case n > maxRows:
		return maxRows
	}
	return n
}

func noTrace(id string) error { return errs.New(errs.NotFound, "no trace %s", id) }
