package detect_test

import (
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect/slo"
)

// Time is counted, not events: a minute of many failures and one of few are one bad minute each. The slices that were judged
// are there after a restart, and an outage of minutes fires.
func TestSlicesOfTimeAreCounted(t *testing.T) {
	w := newWorld(t, "checkout")
	o := w.cat.SLOs["checkout-answers"]
	o.Slices = &catalog.Slices{Window: time.Minute, Target: 0.95}
	w.run(20 * time.Minute)
	w.now = w.now.Add(10 * time.Minute) // nothing at all
	w.run(10 * time.Minute)
	w.broken["checkout"] = true
	w.run(4 * time.Second) // of a minute: more than the twentieth that may fail
	w.broken["checkout"] = false
	w.run(56 * time.Second)
	want := slo.Counts{Good: 31, Total: 32} // of each minute with an event, and a bad one
	if got := w.s.Status(o, w.now).Budget.Counts; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	w.flush()
	w.db.Close()
	w.start()
	w.tick()
	if got := w.s.Status(o, w.now).Budget.Counts; got != want {
		t.Errorf("after a restart: %+v, want %+v", got, want)
	}
	if as := w.alerts(true); len(as) != 0 {
		t.Fatalf("one bad minute fires: %+v", as)
	}
	w.broken["checkout"] = true
	w.run(3 * time.Minute)
	if as := w.alerts(true); len(as) != 1 {
		t.Fatalf("%+v", as)
	}
	w.broken["checkout"] = false
	w.run(12 * time.Minute)
	if as := w.alerts(true); len(as) != 0 {
		t.Errorf("%+v", as)
	}
}
