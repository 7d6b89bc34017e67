package shop

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
)

// logsPerSecond is how many lines of one kind a service writes per second: a
// storm must not be made worse by writing about it.
const logsPerSecond = 5

// logLimiter lets through a few lines per second of each kind and counts the rest.
type logLimiter struct {
	mu    sync.Mutex
	kinds map[string]*logKind
}

type logKind struct {
	second  int64
	written int
	skipped int
}

// take says whether a line of this kind may be written now, and how many were
// left out since the one before.
func (l *logLimiter) take(now time.Time, kind string) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kinds == nil {
		l.kinds = map[string]*logKind{}
	}
	k := l.kinds[kind]
	if k == nil {
		k = &logKind{}
		l.kinds[kind] = k
	}
	if second := now.Unix(); second != k.second {
		k.second, k.written = second, 0
	}
	if k.written >= logsPerSecond {
		k.skipped++
		return 0, false
	}
	k.written++
	skipped, k.skipped = k.skipped, 0
	return skipped, true
}

// log writes one line as the service, tied to the span in ctx. The kind groups
// lines for the rate limit and does not appear in the telemetry. A process that
// has ended, and with it ctx, writes nothing.
func (s *service) log(ctx context.Context, severity log.Severity, kind, message string, attrs ...attribute.KeyValue) {
	now := time.Now()
	if ctx.Err() != nil {
		return
	}
	skipped, ok := s.logs.take(now, kind)
	if !ok {
		return
	}
	var r log.Record
	r.SetTimestamp(now)
	r.SetObservedTimestamp(now)
	r.SetSeverity(severity)
	r.SetSeverityText(severity.String())
	r.SetBody(attribute.StringValue(message))
	r.AddAttributes(attrs...)
	if skipped > 0 {
		r.AddAttributes(attribute.Int("log.skipped", skipped))
	}
	s.identity.Load().logger.Emit(ctx, r)
}
