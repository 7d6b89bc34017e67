package telemetry

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"nightkeeper/internal/loop/observe"
)

const patience = 30 * time.Second

func tid(n int) string { return fmt.Sprintf("%032x", n) }
func sid(n int) string { return fmt.Sprintf("%016x", n) }

func openEngine(tb testing.TB, cfg EngineConfig) *Engine {
	tb.Helper()
	if cfg.MinFreeBytes == 0 {
		cfg.MinFreeBytes = 1 << 20
	}
	e, err := Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
	})
	return e
}

// startHost starts a host whose child is this test program, and waits until it is ready.
func startHost(tb testing.TB, cfg HostConfig) *Host {
	tb.Helper()
	h := newHost(tb, cfg)
	awaitReady(tb, h)
	return h
}

func newHost(tb testing.TB, cfg HostConfig) *Host {
	tb.Helper()
	if cfg.MinFreeBytes == 0 {
		cfg.MinFreeBytes = 1 << 20
	}
	if cfg.Command == nil {
		cfg.Command = []string{testProgram(tb)}
	}
	cfg.Env = append(cfg.Env, childEnv+"=1")
	h, err := NewHost(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if err := h.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Stop(ctx); err != nil {
			tb.Error(err)
		}
	})
	return h
}

func awaitReady(tb testing.TB, h *Host) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	if err := h.AwaitReady(ctx); err != nil {
		tb.Fatalf("not ready: %v; %+v", err, h.Health())
	}
}

// settle waits until everything written is visible.
func settle(tb testing.TB, s store, lastTrace string, lines int) {
	tb.Helper()
	if e, ok := s.(*Engine); ok {
		e.Flush()
		return
	}
	eventually(tb, func() bool {
		spans, err := s.Trace(tb.Context(), lastTrace)
		if err != nil || len(spans) == 0 {
			return false
		}
		got, err := s.Logs(tb.Context(), observe.Filter{})
		return err == nil && len(got) >= lines
	})
	if h, ok := s.(*Host); ok {
		ctx, cancel := context.WithTimeout(tb.Context(), patience)
		defer cancel()
		if err := h.Drained(ctx); err != nil {
			tb.Fatal(err)
		}
	}
}

// eventually waits until ok is true; the engine has no signal for a row becoming visible.
func eventually(tb testing.TB, ok func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatal("did not come true in time")
		}
	}
}

func mustWrite(tb testing.TB) func(rejected int, reason string, err error) {
	tb.Helper()
	return func(rejected int, reason string, err error) {
		tb.Helper()
		if rejected != 0 || err != nil {
			tb.Fatalf("rejected %d (%s), error %v", rejected, reason, err)
		}
	}
}

func gauge(name, service string, at time.Time, v float64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", service)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetDoubleValue(v)
	return md
}

func testProgram(tb testing.TB) string {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return self
}
