package app

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"nightkeeper/internal/edge/telemetry"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
)

// sink takes telemetry in: it is counted first, for the ledgers and the live picture, and stored after that, so that an
// engine that is down costs history and no alert. What was counted must not be sent again, so a failure to store is
// answered as rows that were refused, not as an error.
type sink struct {
	detect *detect.Service
	graph  *graph.Live
	host   *telemetry.Host
}

func (s sink) Spans(ctx context.Context, spans []observe.Span) (int, string, error) {
	s.detect.Count(spans)
	s.graph.Observe(spans)
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
	return s.host.WriteMetrics(ctx, md)
}
