package learn

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

func TestDetectionSaysWhereMonitoringIsBlindOrSlow(t *testing.T) {
	began := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	x := func(id, service, kind, found string, took time.Duration) Record {
		return Record{Incident: respond.Incident{ID: respond.ID(id), Service: service, Severity: detect.SEV2, FoundBy: found, OnsetAt: began, OpenedAt: began.Add(took),
			Cause: &diagnose.Suspect{Service: service, Kind: kind}}}
	}
	d := Detect([]Record{
		x("INC-1", "legacy", "dns", "customer", time.Hour), x("INC-2", "legacy", "dns", "customer", 2*time.Hour), x("INC-3", "legacy", "dns", "mira", time.Minute),
		x("INC-4", "checkout", "deploy", "customer", 10*time.Minute),
		x("INC-5", "checkout", "deploy", "", 5*time.Minute), x("INC-6", "checkout", "pool", "", 7*time.Minute), x("INC-7", "cart", "pool", "", 9*time.Minute),
	}, func(s string) bool { return s == "checkout" })
	if d.ByMonitoring != 3 || d.ByPeople != 4 || d.ByCustomers != 3 {
		t.Errorf("%+v", d)
	}
	ways := ""
	for _, g := range d.Gaps {
		ways += string(g.Incident) + " " + g.Way + ", "
	}
	if want := "INC-1 never_detected, INC-2 never_detected, INC-3 never_detected, INC-4 missed, INC-6 slow, INC-7 slow, "; ways != want {
		t.Errorf("gaps %s, want %s", ways, want)
	}
	if len(d.Advice) != 3 {
		t.Fatalf("%+v", d.Advice)
	}
	for k, want := range []struct{ priority, issue string }{{"P0", "blind to dns of legacy (3 incidents)"}, {"P1", "2 incidents took 8m0s on average"}, {"P1", "the objectives of checkout did not see deploy (1 incident)"}} {
		if a := d.Advice[k]; a.Priority != want.priority || !strings.Contains(a.Issue, want.issue) || a.Action == "" || len(a.Incidents) == 0 {
			t.Errorf("advice %d: %+v, want %+v", k, a, want)
		}
	}
	if d := Detect(nil, nil); len(d.Gaps)+len(d.Advice) != 0 {
		t.Errorf("of nothing: %+v", d)
	}
}
