package detect

import (
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect/slo"
)

func TestTicketBecomesPageWhenTheServiceFailsAltogether(t *testing.T) {
	o := &catalog.SLO{Meta: catalog.Meta{Name: "pay"}, Service: "pay", Target: 0.999, Window: 30 * 24 * time.Hour}
	l := slo.NewLedger()
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	for at := now.Add(-80 * time.Hour); at.Before(now); at = at.Add(time.Minute) {
		l.Add(at, 9985, 10000)
	}
	c := decide(o, l, slo.Absence{}, nil, time.Time{}, now)
	if !c.fire || c.reading.Rule.Name != "ticket" {
		t.Fatalf("a slow burn: got %+v, want the ticket rule", c)
	}
	open := &Alert{State: Firing, Reading: c.reading, FiredAt: now}
	if c := decide(o, l, slo.Absence{}, open, time.Time{}, now.Add(time.Second)); c.raise || c.resolve {
		t.Errorf("while it burns on as slowly: %+v", c)
	}
	for i := range 120 {
		l.Add(now.Add(time.Duration(i)*time.Second), 0, 167)
	}
	c = decide(o, l, slo.Absence{}, open, time.Time{}, now.Add(2*time.Minute))
	if !c.raise || c.reading.Rule.Class != slo.Page {
		t.Errorf("after two minutes of outage: got %+v, want it raised to a page", c)
	}
}
