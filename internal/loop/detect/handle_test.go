package detect_test

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

func TestSnoozedAlertIsToldAgainWhenItsTimeIsOver(t *testing.T) {
	w := newWorld(t)
	w.receive(in("a"))
	w.receive(in("b")) // with the same labels
	x, err := w.s.Snooze(t.Context(), "prom", "a", w.now.Add(time.Hour), "", "mira", w.now)
	if err != nil || x.CreatedBy != "mira" || x.Comment != "snoozed" {
		t.Fatalf("%+v, %v", x, err)
	}
	state := func(key string) detect.Alert {
		t.Helper()
		a, err := w.s.FiringOf(t.Context(), "prom", key)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := state("a"); len(a.Muted) != 1 || !w.s.Snoozed(a, w.now).Equal(w.now.Add(time.Hour)) {
		t.Errorf("%+v", a)
	}
	if b := state("b"); len(b.Muted) != 0 || !w.s.Snoozed(b, w.now).IsZero() {
		t.Errorf("another alert is snoozed too: %+v", b)
	}
	fired := len(w.kinds(detect.KindFired))
	w.receive(in("a"))
	over := in("b")
	over.EndsAt = w.now
	w.receive(over)
	w.now = w.now.Add(time.Hour - time.Second)
	w.tick()
	if n := len(w.kinds(detect.KindFired)); n != fired {
		t.Errorf("told %d times before its time", n-fired)
	}
	w.now = w.now.Add(2 * time.Second)
	w.tick()
	if a := state("a"); len(a.Muted) != 0 || len(w.kinds(detect.KindFired)) != fired+1 {
		t.Errorf("nobody is told again: %+v", a)
	}
	for _, bad := range []struct{ key, code string }{{"nobody", "not_found"}, {"a", "invalid"}} {
		if _, err := w.s.Snooze(t.Context(), "prom", bad.key, w.now.Add(-time.Hour), "", "mira", w.now); string(errs.CodeOf(err)) != bad.code {
			t.Errorf("%s: %v", bad.key, err)
		}
	}
	if _, err := w.s.Snooze(t.Context(), "other", "a", w.now.Add(time.Hour), "", "mira", w.now); !errs.Is(err, errs.NotFound) {
		t.Errorf("another integration's: %v", err)
	}
}

func TestLabelsThatChangeDecideWhoIsSilenced(t *testing.T) {
	w := newWorld(t)
	w.silence(time.Hour, `env="test"`)
	w.receive(in("a"))
	a, err := w.s.Relabel(t.Context(), "prom", "a", map[string]string{"env": "test", "ticket": "T-1"}, []string{"nothing"}, "mira", w.now)
	if err != nil || a.Labels["ticket"] != "T-1" {
		t.Fatalf("%+v, %v", a, err)
	}
	if a, err := w.s.FiringOf(t.Context(), "prom", "a"); err != nil || len(a.Muted) != 1 || a.Labels["alertname"] == "" {
		t.Errorf("%+v, %v", a, err)
	}
	notes := w.kinds(detect.KindNoted)
	if len(notes) != 1 || notes[0].Actor != "mira" || !strings.Contains(notes[0].Text, `env is "test", ticket is "T-1"`) {
		t.Errorf("%+v", notes)
	}
	if _, err := w.s.Relabel(t.Context(), "prom", "a", map[string]string{"ticket": "T-1"}, []string{"env"}, "mira", w.now); err != nil {
		t.Fatal(err)
	}
	if a, err := w.s.FiringOf(t.Context(), "prom", "a"); err != nil || len(a.Muted) != 0 || a.Labels["env"] != "" || a.Labels["ticket"] != "T-1" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := w.s.Relabel(t.Context(), "prom", "a", nil, []string{"env"}, "mira", w.now); err != nil || len(w.kinds(detect.KindNoted)) != 2 {
		t.Errorf("what changes nothing is said: %v", err)
	}
}

func TestOnlySomebodyOfTheCatalogIsAskedFor(t *testing.T) {
	w := newWorld(t)
	c := *w.s.Catalog()
	c.People = map[string]*catalog.Person{"mira": {}}
	w.s.Catalog = func() *catalog.Catalog { return &c }
	w.receive(in("a"))
	for _, bad := range []detect.Call{{}, {Person: "nobody"}, {Team: "none"}, {Schedule: "none"}, {Policy: "none"}, {Person: "mira", Team: "none"}} {
		if _, err := w.s.Call(t.Context(), "prom", "a", bad, "jon", w.now); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	a, err := w.s.Call(t.Context(), "prom", "a", detect.Call{Person: "mira", Owner: true}, "jon", w.now)
	facts := w.kinds(detect.KindCalled)
	if err != nil || a.Owner != "mira" || len(facts) != 1 || facts[0].Group == "" || !strings.Contains(facts[0].Text, "jon gave") {
		t.Errorf("%+v, %v, %+v", a, err, facts)
	}
	if _, err := w.s.Call(t.Context(), "prom", "b", detect.Call{Person: "mira"}, "jon", w.now); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
}
