package detect_test

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/observe"
)

// call is a failed call to a service, as its caller saw it.
func (w *world) call(to, why string) {
	w.s.Count([]observe.Span{{Service: "caller", Peer: to, Kind: observe.Client, Start: w.now, Error: true, Attrs: map[string]string{"error.type": why}}})
}

// gone plays d in which a service answers nothing, others go on, and each happens every second.
func (w *world) gone(service string, d time.Duration, each func()) {
	w.t.Helper()
	o := w.cat.SLOs[service+"-answers"]
	delete(w.cat.SLOs, o.Name)
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(time.Second)
		w.traffic()
		each()
		w.cat.SLOs[o.Name] = o
		w.tick()
		delete(w.cat.SLOs, o.Name)
	}
	w.cat.SLOs[o.Name] = o
}

func TestServiceThatIsDownFiresAndResolvesOnlyWhenItAnswers(t *testing.T) {
	w := newWorld(t, "media", "web")
	w.warm()
	second := 0
	w.gone("media", 62*time.Second, func() {
		if second++; second < 5 || second%5 == 0 {
			w.call("media", "connection_refused")
		}
	})
	as := w.alerts(true)
	if len(as) != 1 || as[0].Service != "media" || !strings.Contains(as[0].Reason, "its callers get no answer") {
		t.Fatalf("alerts %+v, want one of media that says why", as)
	}
	if calm, burning := w.s.Calm([]string{"media-answers"}, time.Minute, w.now); calm || !strings.Contains(strings.Join(burning, ""), "nothing was answered well") {
		t.Errorf("a service that is down is calm: %v", burning)
	}
	w.gone("media", 40*time.Minute, func() {
		if second++; second%10 == 0 {
			w.call("media", "connection_refused")
		}
	})
	if as := w.alerts(true); len(as) != 1 {
		t.Fatalf("after 40 minutes of outage: %+v", as)
	}
	w.run(90 * time.Second)
	if as := w.alerts(true); len(as) != 0 {
		t.Errorf("it answers again, and still fires: %+v", as)
	}
}

func TestEntryWhoseProcessIsGoneFires(t *testing.T) {
	w := newWorld(t, "media", "web")
	w.warm()
	for range 6 {
		w.run(5 * time.Second)
		w.s.Beat("web", w.now)
		w.s.Beat("media", w.now)
	}
	w.gone("web", 62*time.Second, func() { w.s.Beat("media", w.now) })
	if as := w.alerts(true); len(as) != 1 || as[0].Service != "web" || !strings.Contains(as[0].Reason, "it reports no metrics either") {
		t.Errorf("alerts %+v, want one of web", as)
	}
}

func TestOnlyCallsThatReachedNobodyAreCountedForTheCallee(t *testing.T) {
	f := func(why string, counted int64) {
		t.Helper()
		w := newWorld(t, "media")
		w.call("media", why)
		if got := w.s.Ledger("media-answers").Sum(w.now.Add(-time.Minute), w.now); got.Total != counted || got.Good != 0 {
			t.Errorf("%s: counted %+v, want %d bad", why, got, counted)
		}
	}
	f("connection_refused", 1)
	f("dial tcp: lookup media: no such host", 1)
	f("timeout", 0)
	f("connection reset by peer", 0)
	f("breaker_open", 0)
	f("503", 0)
	s := newWorld(t, "media").s
	s.Count([]observe.Span{{Service: "caller", Kind: observe.Client, Error: true, Attrs: map[string]string{"error.type": "connection_refused"}}})
	if s.Ledger("media-answers").First() != (time.Time{}) {
		t.Error("a call to nobody known was counted")
	}
}
