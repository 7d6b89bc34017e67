package detect_test

import (
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

func TestAckOfTheSourceIsKeptOnce(t *testing.T) {
	w := newWorld(t)
	w.receive(in("a"))
	for _, by := range []string{"mira", "jon"} {
		a, err := w.s.Ack(t.Context(), "prom", "a", by, w.now)
		if err != nil || a.AckedBy != "mira" || !a.AckedAt.Equal(w.now) {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if facts := w.kinds(detect.KindAcked); len(facts) != 1 || facts[0].Actor != "mira" || facts[0].Group == "" {
		t.Errorf("%+v", facts)
	}
	w.now = w.now.Add(2 * time.Minute)
	if _, err := w.s.Ack(t.Context(), "prom", "a", "mira", w.now); err != nil || len(w.kinds(detect.KindAcked)) != 2 {
		t.Errorf("what is said again later is meant again: %v", err)
	}
	w.receive(in("a"))
	if a, err := w.s.FiringOf(t.Context(), "prom", "a"); err != nil || a.AckedBy != "mira" {
		t.Errorf("a repetition forgets who looks at it: %+v, %v", a, err)
	}
	for _, key := range []string{"b", ""} {
		if _, err := w.s.Ack(t.Context(), "prom", key, "mira", w.now); !errs.Is(err, errs.NotFound) {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := w.s.Ack(t.Context(), "other", "a", "mira", w.now); !errs.Is(err, errs.NotFound) {
		t.Errorf("another integration's: %v", err)
	}
}

func TestNotesOfTheSourceAreFacts(t *testing.T) {
	w := newWorld(t)
	w.receive(in("a"))
	if _, err := w.s.Note(t.Context(), "prom", "a", "the disk is full", "mira", w.now); err != nil {
		t.Fatal(err)
	}
	if facts := w.kinds(detect.KindNoted); len(facts) != 1 || facts[0].Text != "mira on a is wrong: the disk is full" {
		t.Errorf("%+v", facts)
	}
	if _, err := w.s.Note(t.Context(), "prom", "b", "x", "mira", w.now); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v", err)
	}
}

func TestProgramsAreNoPersons(t *testing.T) {
	for name, want := range map[string]bool{"mira": true, "mira@example.org": true, detect.ActorOf("prom"): false, "runbook:retry-storm": false, "nightkeeper": false} {
		if got := detect.IsPerson(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
