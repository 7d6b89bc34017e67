package otlp

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"nightkeeper/internal/loop/observe"
)

// recorder is a sink that keeps everything.
type recorder struct {
	mu      sync.Mutex
	spans   []observe.Span
	lines   []observe.LogLine
	metrics []string

	rejected int
	reason   string
	err      error
}

func (r *recorder) Spans(_ context.Context, spans []observe.Span) (int, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, spans...)
	return r.rejected, r.reason, r.err
}

func (r *recorder) Logs(_ context.Context, lines []observe.LogLine) (int, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, lines...)
	return r.rejected, r.reason, r.err
}

func (r *recorder) Metrics(_ context.Context, md pmetric.Metrics) (int, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				r.metrics = append(r.metrics, m.Name())
			}
		}
	}
	return r.rejected, r.reason, r.err
}

func start(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	cfg.GRPCAddr, cfg.HTTPAddr = "127.0.0.1:0", "127.0.0.1:0"
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			tb.Error(err)
		}
		if err := s.Stop(ctx); err != nil {
			tb.Error("second stop:", err)
		}
	})
	return s
}
