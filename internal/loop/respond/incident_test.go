package respond

import (
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/respond/diagnose"
)

var t0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

func TestNamesACauseWhenItIsSureEnough(t *testing.T) {
	says := func(service string, c diagnose.Confidence) diagnose.Diagnosis {
		return diagnose.Diagnosis{At: t0, Confidence: c, Suspects: []diagnose.Suspect{{Service: service, Kind: diagnose.Slow}}}
	}
	cause := func(kind string) *diagnose.Suspect { return &diagnose.Suspect{Service: "a", Kind: kind} }
	nothing := diagnose.Diagnosis{At: t0, Confidence: diagnose.Low}
	for _, c := range []struct {
		name  string
		cause *diagnose.Suspect // named so far
		last  diagnose.Diagnosis
		now   diagnose.Diagnosis
		age   time.Duration
		want  string // service, "" when not named, "?" for unknown
	}{
		{"a clear suspect once is not enough", nil, diagnose.Diagnosis{}, says("a", diagnose.High), 2 * time.Second, ""},
		{"a clear suspect twice is named", nil, says("a", diagnose.High), says("a", diagnose.High), 4 * time.Second, "a"},
		{"a likely one that became clear is named", nil, says("a", diagnose.Medium), says("a", diagnose.High), 4 * time.Second, "a"},
		{"a clear one after another one has to wait", nil, says("b", diagnose.High), says("a", diagnose.High), 4 * time.Second, ""},
		{"a likely one has to wait", nil, says("a", diagnose.Medium), says("a", diagnose.Medium), 10 * time.Second, ""},
		{"a likely one is named when it stays", nil, says("a", diagnose.Medium), says("a", diagnose.Medium), settle + time.Second, "a"},
		{"likely ones that change places wait longer", nil, says("b", diagnose.Medium), says("a", diagnose.Medium), settle + time.Second, ""},
		{"in the end the likely one is named", nil, says("b", diagnose.Medium), says("a", diagnose.Medium), giveUp + time.Second, "a"},
		{"a guess is never named", nil, says("a", diagnose.Low), says("a", diagnose.Low), giveUp + time.Second, "?"},
		{"nothing is named unknown", nil, nothing, nothing, giveUp + time.Second, "?"},
		{"unknown stays unknown", cause(diagnose.Unknown), nothing, nothing, 2 * giveUp, ""},
		{"a clear one replaces unknown", cause(diagnose.Unknown), says("b", diagnose.High), says("b", diagnose.High), 2 * giveUp, "b"},
		{"a likely one does not", cause(diagnose.Unknown), says("b", diagnose.Medium), says("b", diagnose.Medium), 2 * giveUp, ""},
		{"a named cause stays", cause(diagnose.Slow), says("b", diagnose.High), says("b", diagnose.High), 2 * giveUp, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := Incident{OpenedAt: t0, Cause: c.cause, Diagnosis: c.last}
			named, got, why := name(i, c.now, t0.Add(c.age))
			what := ""
			if named {
				what = got.Service
				if got.Kind == diagnose.Unknown {
					what = "?"
				}
			}
			if what != c.want || why == "" {
				t.Errorf("named %q (%s), want %q", what, why, c.want)
			}
		})
	}
}

func TestAReopenedIncidentBeginsAgain(t *testing.T) {
	i := Incident{Status: Resolved, OpenedAt: t0, ResolvedAt: t0.Add(5 * time.Minute), Service: "a", Burning: []string{"a", "b"}, Affected: []string{"a", "b"}}
	now := t0.Add(7 * time.Minute)
	next, reopened := i.attach(detect.Alert{ID: "al-2", Service: "c", Severity: detect.SEV1}, now)
	if !reopened || next.Reopened != 1 || !next.since().Equal(now) || !next.ResolvedAt.IsZero() {
		t.Errorf("got %+v", next)
	}
	if !slices.Equal(next.Burning, []string{"c"}) || !slices.Equal(next.Affected, []string{"a", "b", "c"}) {
		t.Errorf("burning %v, affected %v", next.Burning, next.Affected)
	}
	if named, _, _ := name(next, diagnose.Diagnosis{Confidence: diagnose.Low}, now.Add(time.Second)); named {
		t.Error("named at once: its age counts from when it came back")
	}
}
