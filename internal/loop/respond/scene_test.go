package respond

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
)

// blind is telemetry whose engine is down.
type blind struct{ observe.Telemetry }

func (blind) Logs(context.Context, observe.Filter) ([]observe.LogLine, error) {
	return nil, fmt.Errorf("engine is down")
}

func watcher() *Service {
	return New(Config{Graph: graph.New(), Telemetry: blind{}, Log: slog.New(slog.DiscardHandler), Deploys: func(context.Context, time.Time) ([]observe.Deploy, error) {
		return nil, fmt.Errorf("no store")
	}})
}

// serve plays requests to a service, ten per second.
func serve(s *Service, service, version string, from, to time.Time, d time.Duration, failEvery int) {
	var spans []observe.Span
	n := 0
	for at := from; at.Before(to); at = at.Add(100 * time.Millisecond) {
		n++
		spans = append(spans, observe.Span{
			TraceID: "t", SpanID: fmt.Sprintf("%s-%d", service, at.UnixNano()), Service: service, Version: version, Kind: observe.Server,
			Start: at, Duration: d, Error: failEvery > 0 && n%failEvery == 0,
		})
	}
	s.Graph.Observe(spans)
}

func TestOnsetIsWhereTheTroubleBegan(t *testing.T) {
	const quick = 20 * time.Millisecond
	start := t0.Add(-4 * time.Minute)
	for _, c := range []struct {
		name string
		play func(*Service)
		want time.Duration // before the incident
	}{
		{"errors", func(s *Service) {
			serve(s, "a", "1", start, t0.Add(-40*time.Second), quick, 0)
			serve(s, "a", "1", t0.Add(-40*time.Second), t0, quick, 2)
		}, 40 * time.Second},
		{"slow answers", func(s *Service) {
			serve(s, "a", "1", start, t0.Add(-30*time.Second), quick, 0)
			serve(s, "a", "1", t0.Add(-30*time.Second), t0, time.Second, 0)
		}, 30 * time.Second},
		{"an unsteady start is not the trouble", func(s *Service) {
			serve(s, "a", "1", start, start.Add(10*time.Second), time.Second, 2)
			serve(s, "a", "1", start.Add(10*time.Second), t0.Add(-20*time.Second), quick, 0)
			serve(s, "a", "1", t0.Add(-20*time.Second), t0, quick, 2)
		}, 20 * time.Second},
		{"a pause of two buckets is the same trouble", func(s *Service) {
			serve(s, "a", "1", start, t0.Add(-60*time.Second), quick, 0)
			serve(s, "a", "1", t0.Add(-60*time.Second), t0.Add(-40*time.Second), quick, 2)
			serve(s, "a", "1", t0.Add(-40*time.Second), t0.Add(-20*time.Second), quick, 0)
			serve(s, "a", "1", t0.Add(-20*time.Second), t0, quick, 2)
		}, 60 * time.Second},
		{"usual errors are usual", func(s *Service) {
			serve(s, "a", "1", start, t0.Add(-30*time.Second), quick, 20)
			serve(s, "a", "1", t0.Add(-30*time.Second), t0, quick, 3)
		}, 30 * time.Second},
		{"a service without a past", func(*Service) {}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := watcher()
			c.play(s)
			if got := t0.Sub(s.onset(Incident{Service: "a", OpenedAt: t0})); got != c.want {
				t.Errorf("onset is %s before the incident, want %s", got, c.want)
			}
		})
	}
}

func TestBaselineLeavesOutTroubleAndStart(t *testing.T) {
	s := watcher()
	start := t0.Add(-2 * time.Minute)
	serve(s, "a", "1", start, t0, time.Millisecond, 0)
	from, until := s.baseline(Incident{OpenedAt: t0}, t0)
	if want := start.Add(graph.Width); !from.Equal(want) {
		t.Errorf("from %s, want %s: one bucket after the first request", from, want)
	}
	if want := t0.Add(-margin); !until.Equal(want) {
		t.Errorf("until %s, want %s", until, want)
	}
	if from, until := s.baseline(Incident{OpenedAt: t0}, t0.Add(time.Minute)); !until.Equal(t0) || !from.Equal(start.Add(graph.Width)) {
		t.Errorf("from %s until %s: with more than two minutes known it stays well ahead of the onset", from, until)
	}
	first := t0.Add(-time.Minute)
	if _, until := s.baseline(Incident{OpenedAt: first, OnsetAt: first, Reopened: 1, ReopenedAt: t0}, t0); !until.Equal(first.Add(-margin)) {
		t.Errorf("until %s: an incident that came back is held against the time before it came first", until)
	}
}

func TestAVersionThatCameAndWentIsNotSuspected(t *testing.T) {
	s := watcher()
	serve(s, "a", "1", t0.Add(-10*time.Minute), t0.Add(-5*time.Minute), time.Millisecond, 0)
	serve(s, "a", "2", t0.Add(-5*time.Minute), t0.Add(-3*time.Minute), time.Millisecond, 2)
	serve(s, "a", "1", t0.Add(-3*time.Minute), t0, time.Millisecond, 0)
	if got := s.versions("a", t0.Add(-time.Minute)); len(got) != 1 || got["1"].IsZero() {
		t.Errorf("rolled back: got %v, want version 1 alone", got)
	}
	if got := s.versions("a", t0.Add(-4*time.Minute)); len(got) != 2 {
		t.Errorf("while it ran: got %v, want both", got)
	}
}

func TestDiagnosisGoesOnWithoutLogsAndDeploys(t *testing.T) {
	s := watcher()
	serve(s, "a", "1", t0.Add(-4*time.Minute), t0.Add(-30*time.Second), time.Millisecond, 0)
	serve(s, "a", "1", t0.Add(-30*time.Second), t0, time.Millisecond, 2)
	sc := s.scene(t.Context(), Incident{Service: "a", OpenedAt: t0, Burning: []string{"a"}}, t0)
	if got := sc.Services["a"].During.Origin; got < 100 {
		t.Errorf("failures counted since the onset: %d", got)
	}
}
