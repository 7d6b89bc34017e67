package detect_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// timers runs what is due.
func (w *world) timers() {
	w.t.Helper()
	handlers := w.s.Timers()
	var kinds []string
	for kind := range handlers {
		kinds = append(kinds, kind)
	}
	for {
		err := w.db.Update(w.t.Context(), func(tx *store.Tx) error {
			j, err := tx.Take(w.t.Context(), kinds, w.now)
			if err != nil {
				return err
			}
			return handlers[j.Kind](w.t.Context(), tx, j, w.now)
		})
		if errs.Is(err, errs.NotFound) {
			return
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) listen() {
	w.t.Helper()
	if err := w.s.Listen(w.t.Context(), w.now); err != nil {
		w.t.Fatal(err)
	}
}

// pass lets time pass as it does while the program runs: it listens every few seconds, and timers run.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(min(5*time.Second, end.Sub(w.now)))
		w.listen()
		w.timers()
	}
}

func (w *world) ping(name string) {
	w.t.Helper()
	if _, err := w.s.Ping(w.t.Context(), name, w.now); err != nil {
		w.t.Fatal(err)
	}
}

// beat is a world with a heartbeat that is expected every five minutes, and one minute later at the most.
func beat(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.cat.Heartbeats = map[string]*catalog.Heartbeat{"backup": {Meta: catalog.Meta{Name: "backup"}, Interval: catalog.Duration(5 * time.Minute), Grace: catalog.Duration(time.Minute), Service: "db", Severity: "SEV3"}}
	w.listen()
	return w
}

func (w *world) wantFiring(what string, want int) {
	w.t.Helper()
	if as := w.alerts(true); len(as) != want {
		w.t.Fatalf("%s: %d alerts fire, want %d: %+v", what, len(as), want, as)
	}
}

func TestJobThatStopsPingingFiresAndItsNextPingResolves(t *testing.T) {
	w := beat(t)
	for range 5 {
		w.pass(5 * time.Minute)
		w.ping("backup")
	}
	w.pass(6*time.Minute - time.Second)
	w.wantFiring("in its grace", 0)
	w.pass(time.Second)
	w.wantFiring("too late", 1)
	a := w.alerts(true)[0]
	if a.Title != "heartbeat backup stays away" || a.Service != "db" || a.Severity != detect.SEV3 || !strings.Contains(a.Reason, "was last heard of at") || len(w.kinds(detect.KindFired)) != 1 {
		t.Errorf("%+v", a)
	}
	w.pass(20 * time.Minute)
	w.wantFiring("it fires once", 1)
	w.ping("backup")
	w.wantFiring("it is back", 0)
	w.pass(6*time.Minute - time.Second)
	w.wantFiring("it is expected again", 0)
	w.pass(time.Second)
	w.wantFiring("and fires again", 1)
}

func TestHeartbeatThatNeverCameFires(t *testing.T) {
	w := beat(t)
	w.pass(6 * time.Minute)
	w.wantFiring("never heard of", 1)
	if a := w.alerts(true)[0]; !strings.Contains(a.Reason, "was never heard of") {
		t.Error(a.Reason)
	}
	w.cat = &catalog.Catalog{Hash: "none"}
	w.listen()
	w.wantFiring("no longer declared", 0)
	if _, err := w.s.Ping(t.Context(), "backup", w.now); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v", err)
	}
}

func TestWhatCouldNotBeHeardIsNotMissing(t *testing.T) {
	for name, jump := range map[string]time.Duration{"the program was away, or the clock was set ahead": 2 * time.Hour, "the clock was set back": -2 * time.Hour} {
		for _, first := range []string{"timer", "listen"} {
			t.Run(name+", "+first+" first", func(t *testing.T) {
				w := beat(t)
				w.ping("backup")
				w.pass(2 * time.Minute)
				w.start() // another process
				w.now = w.now.Add(jump)
				if first == "timer" {
					w.timers()
				}
				w.listen()
				w.timers()
				w.wantFiring("right after", 0)
				w.pass(4*time.Minute - 6*time.Second)
				w.wantFiring("in the rest of its time", 0)
				w.pass(12 * time.Second)
				w.wantFiring("when that is over", 1)
			})
		}
	}
}

func TestShortPausesGiveNoTimeBack(t *testing.T) {
	w := beat(t)
	for range 9 {
		w.now = w.now.Add(40 * time.Second)
		w.listen()
		w.timers()
	}
	w.wantFiring("after six minutes with pauses", 1)
}

func TestHeartbeatsAreMadeSwitchedAndRemoved(t *testing.T) {
	w := beat(t)
	make := func(h detect.Heartbeat) error {
		t.Helper()
		_, err := w.s.MakeHeartbeat(t.Context(), h, "mira", w.now)
		return err
	}
	for _, h := range []detect.Heartbeat{{Name: "", Interval: time.Minute}, {Name: "a/b", Interval: time.Minute}, {Name: "a", Interval: time.Second}, {Name: "a", Interval: time.Minute, Severity: "bad"}} {
		if err := make(h); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", h, err)
		}
	}
	if err := make(detect.Heartbeat{Name: "backup", Interval: time.Minute}); !errs.Is(err, errs.Conflict) {
		t.Errorf("declared: %v", err)
	}
	if err := w.s.DropHeartbeat(t.Context(), "backup", "mira", w.now); !errs.Is(err, errs.Conflict) {
		t.Errorf("declared: %v", err)
	}
	cron := detect.Heartbeat{Name: "cron", Interval: time.Minute, Enabled: true}
	if err := make(cron); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	w.wantFiring("late", 1)
	cron.Enabled = false
	if err := make(cron); err != nil {
		t.Fatal(err)
	}
	w.wantFiring("switched off", 0)
	w.pass(4 * time.Minute)
	w.wantFiring("still off", 0)
	cron.Enabled = true
	if err := make(cron); err != nil {
		t.Fatal(err)
	}
	w.pass(30 * time.Second)
	w.wantFiring("on again, expected from now on", 0)
	w.ping("cron")
	w.ping("backup")
	w.pass(time.Minute)
	w.wantFiring("late again", 1)
	if err := w.s.DropHeartbeat(t.Context(), "cron", "mira", w.now); err != nil {
		t.Fatal(err)
	}
	w.wantFiring("removed", 0)
	if hs, err := w.s.Heartbeats(t.Context()); err != nil || len(hs) != 1 {
		t.Errorf("%+v, %v", hs, err)
	}
	if _, err := w.s.HeartbeatOf(t.Context(), "cron"); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v", err)
	}
}

// A heartbeat's alert fires exactly while it is late, whatever happens.
func TestHeartbeatWalk(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := beat(t)
		for range 40 {
			switch r.IntN(5) {
			case 0, 1:
				w.ping("backup")
			case 2:
				w.pass(time.Duration(r.IntN(400)) * time.Second)
			case 3:
				w.now = w.now.Add(time.Duration(r.IntN(3*3600)-3600) * time.Second)
				w.listen()
				w.timers()
			case 4:
				w.start()
			}
			h, err := w.s.HeartbeatOf(t.Context(), "backup")
			if err != nil {
				t.Fatal(err)
			}
			if firing := len(w.alerts(true)); (firing == 1) != h.Late || firing > 1 {
				t.Fatalf("seed %d: %d alerts, %+v", seed, firing, h)
			}
		}
	}
}
