package app

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"nightkeeper/internal/edge/intake/otlp"
	"nightkeeper/internal/edge/telemetry"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
)

// sink takes telemetry in: it is counted first, for the ledgers and the live picture, and stored after that, so that an
// engine that is down costs history and no alert. Spans that were counted must not be sent again, so a failure to store
// them is answered as rows that were refused, not as an error. Points of metrics are known when they come again.
type sink struct {
	detect *detect.Service
	graph  *graph.Live
	host   *telemetry.Host
	now    func() time.Time
}

// oldest is how far back anything is counted.
const oldest = 90 * 24 * time.Hour

// arrived returns spans as they are counted: one that claims to end in the future ended now, and one that is older than
// anything counted is left out. Buckets of a time to come would push out those of today, and blind every alert.
func arrived(spans []observe.Span, now time.Time) []observe.Span {
	var out []observe.Span // a copy, made when the first clock is wrong
	for i := range spans {
		end := spans[i].Start.Add(spans[i].Duration)
		ahead, ancient := end.After(now), end.Before(now.Add(-oldest))
		if out == nil && (ahead || ancient) {
			out = append(make([]observe.Span, 0, len(spans)), spans[:i]...)
		}
		if out == nil || ancient {
			continue
		}
		out = append(out, spans[i])
		if ahead {
			out[len(out)-1].Start = now.Add(-spans[i].Duration)
		}
	}
	if out == nil {
		return spans
	}
	return out
}

func (s sink) Spans(ctx context.Context, spans []observe.Span) (int, string, error) {
	counted := arrived(spans, s.now())
	s.detect.Count(counted)
	s.graph.Observe(counted)
	rejected, reason, err := s.host.WriteSpans(ctx, spans)
	if err != nil {
		return len(spans), "counted but not stored: " + errs.Message(err), nil
	}
	return rejected, reason, nil
}

func (s sink) Logs(ctx context.Context, lines []observe.LogLine) (int, string, error) {
	return s.host.WriteLogs(ctx, lines)
}

func (s sink) Metrics(ctx context.Context, md pmetric.Metrics) (int, string, error) {
	if counted := otlp.Streams(md, s.detect.CountsMetric); len(counted) > 0 {
		s.detect.CountMetrics(counted, s.now())
	}
	for _, r := range md.ResourceMetrics().All() {
		if name, ok := r.Resource().Attributes().Get("service.name"); ok {
			s.detect.Beat(name.Str(), s.now())
		}
	}
	return s.host.WriteMetrics(ctx, md)
}
