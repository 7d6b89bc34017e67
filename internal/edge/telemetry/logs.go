package telemetry

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"nightkeeper/internal/loop/observe"
)

// Fields of a log row, as VictoriaLogs names them. Attributes keep their names; one that would hide a field of ours
// gets a prefix.
const (
	logService = "service.name"
	logLevel   = "level"
	logText    = "_msg"
	logAttr    = "attr:"
)

// levels in order; a filter for one means it and those after it.
var levels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

var logTenant = logstorage.TenantID{}

// WriteLogs keeps log lines. It returns how many were refused because of their own faults and the first reason; an
// error of code unavailable means that none was kept and that the same call may work later.
func (e *Engine) WriteLogs(ctx context.Context, lines []observe.LogLine) (rejected int, reason string, err error) {
	if err := ctx.Err(); err != nil {
		return 0, "", err
	}
	if err := e.writable("logs", e.logs.used.Load(), e.logs.limit); err != nil {
		return 0, "", err
	}
	now := time.Now()
	var rej rejection
	var fields []logstorage.Field
	e.logs.add(func(add func(logstorage.TenantID, time.Time, []logstorage.Field)) {
		for i := range lines {
			l := &lines[i]
			if fault := lineFault(l, now, e.cfg.Retention); fault != "" {
				rej.add(1, fault)
				continue
			}
			fields = lineFields(fields[:0], l)
			add(logTenant, l.Time, fields)
		}
	})
	return rej.rows, rej.reason, nil
}

// Logs returns the newest matching log lines, newest first.
func (e *Engine) Logs(ctx context.Context, f observe.Filter) ([]observe.LogLine, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	from, to := e.logs.bounds(f.From, f.To, time.Now())
	var out []observe.LogLine
	err := e.logs.newest(ctx, logTenant, logQuery(f), from, to, rowLimit(f.Limit), func(b *logstorage.DataBlock) {
		out = appendLines(out, b)
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b observe.LogLine) int { return b.Time.Compare(a.Time) })
	return out, nil
}

func lineFields(to []logstorage.Field, l *observe.LogLine) []logstorage.Field {
	to = append(to,
		logstorage.Field{Name: logService, Value: l.Service},
		logstorage.Field{Name: logLevel, Value: l.Level},
		logstorage.Field{Name: logText, Value: l.Text},
		logstorage.Field{Name: fieldTrace, Value: l.TraceID},
		logstorage.Field{Name: fieldSpan, Value: l.SpanID},
	)
	for k, v := range l.Attrs {
		to = append(to, logstorage.Field{Name: logAttrField(k), Value: v})
	}
	return to
}

// logAttrField is the field of an attribute of a log line.
func logAttrField(name string) string {
	switch name {
	case "", logService, logLevel, fieldTrace, fieldSpan:
		return logAttr + name
	}
	if name[0] == '_' || strings.HasPrefix(name, logAttr) {
		return logAttr + name
	}
	return name
}

func appendLines(to []observe.LogLine, b *logstorage.DataBlock) []observe.LogLine {
	times, _ := b.GetTimestamps(nil)
	first := len(to)
	to = append(to, make([]observe.LogLine, b.RowsCount())...)
	rows := to[first:]
	for i := range rows {
		if i < len(times) {
			rows[i].Time = time.Unix(0, times[i]).UTC()
		}
	}
	eachValue(b, func(i int, name, value string) {
		l := &rows[i]
		switch name {
		case logService:
			l.Service = value
		case logLevel:
			l.Level = value
		case logText:
			l.Text = value
		case fieldTrace:
			l.TraceID = value
		case fieldSpan:
			l.SpanID = value
		case "_time", "_stream", "_stream_id":
		default:
			if l.Attrs == nil {
				l.Attrs = make(map[string]string)
			}
			l.Attrs[strings.TrimPrefix(name, logAttr)] = value
		}
	})
	return to
}
