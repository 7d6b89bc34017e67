package otlp

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"nightkeeper/internal/loop/observe"
)

// linesOf translates all log records of a request.
func linesOf(ld plog.Logs, now time.Time) []observe.LogLine {
	out := make([]observe.LogLine, 0, ld.LogRecordCount())
	for _, rl := range ld.ResourceLogs().All() {
		from := originOf(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				out = append(out, lineOf(r, &from, now))
			}
		}
	}
	return out
}

func lineOf(r plog.LogRecord, from *origin, now time.Time) observe.LogLine {
	l := observe.LogLine{
		Time:    timeOf(r, now),
		Service: from.service,
		Level:   levelOf(r.SeverityNumber(), r.SeverityText()),
		Text:    text(r.Body()),
		Attrs:   make(map[string]string, r.Attributes().Len()+2),
	}
	if !r.TraceID().IsEmpty() {
		l.TraceID, l.SpanID, _ = ids(r.TraceID(), r.SpanID(), pcommon.SpanID{})
		if r.SpanID().IsEmpty() {
			l.SpanID = ""
		}
	}
	for k, v := range r.Attributes().All() {
		l.Attrs[k] = text(v)
	}
	from.into(l.Attrs)
	if from.version != "" {
		l.Attrs["service.version"] = from.version
	}
	if from.instance != "" {
		l.Attrs["service.instance.id"] = from.instance
	}
	if name := r.EventName(); name != "" {
		l.Attrs["event.name"] = name
		if l.Text == "" {
			l.Text = name
		}
	}
	return l
}

func timeOf(r plog.LogRecord, now time.Time) time.Time {
	switch {
	case r.Timestamp() != 0:
		return r.Timestamp().AsTime()
	case r.ObservedTimestamp() != 0:
		return r.ObservedTimestamp().AsTime()
	}
	return now.UTC()
}

// levelOf is the level of a severity number or, when there is none, of the words that loggers use.
func levelOf(n plog.SeverityNumber, word string) string {
	switch {
	case n >= plog.SeverityNumberTrace && n <= plog.SeverityNumberFatal4:
		return [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}[(n-1)/4]
	}
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "trace", "finest", "finer", "verbose":
		return "TRACE"
	case "debug", "fine", "d":
		return "DEBUG"
	case "warn", "warning", "w":
		return "WARN"
	case "error", "err", "severe", "e":
		return "ERROR"
	case "fatal", "critical", "crit", "panic", "alert", "emerg", "emergency", "f":
		return "FATAL"
	}
	return "INFO"
}
