package respond_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/respond"
)

// house is detect, page and respond on one store. Its policy has 30 minutes for what still fires.
type house struct {
	*stage
	detect *detect.Service
}

const onePolicy = `apiVersion: nightkeeper/v1
kind: Person
metadata: {name: mira}
spec: {contacts: [{channel: email, address: mira@example.org}]}
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: default}
spec: {loops: 1, steps: [{targets: [{person: mira}]}], hold: {SEV2: 0s}}
`

// onBoth runs a test on both databases.
func onBoth(t *testing.T, text string, test func(t *testing.T, h *house)) {
	for _, db := range storetest.Databases() {
		t.Run(db.Name, func(t *testing.T) {
			g := newStageOn(t, storetest.Open(t, db.DSN(t)), "2026-11-27 03:00", text)
			h := &house{g, detect.New(detect.Config{Store: g.DB.Detect(), Catalog: func() *catalog.Catalog { return g.cat },
				Related: func(string) []string { return nil }, At: func(a string) string { return a }, Log: slog.New(slog.DiscardHandler)})}
			storetest.Timers(g.Driver, h.detect.Timers())
			test(t, h)
		})
	}
}

// must does nothing else, not even what is due: ok does.
func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// send is what another system says of alerts of the mailer; nothing follows until Settle.
func (h *house) send(over bool, keys ...string) {
	h.t.Helper()
	for _, key := range keys {
		in := detect.Incoming{Source: "webhook", Integration: "hook", Key: key, Title: key, Severity: "sev2", Labels: map[string]string{"service": "mailer"}}
		if over {
			in.EndsAt = h.Now().Add(-time.Second)
		}
		_, err := h.detect.Receive(h.t.Context(), []detect.Incoming{in}, h.Now())
		h.must(err)
	}
}

// pass lets time pass in which the alerts are repeated.
func (h *house) pass(d time.Duration, keys ...string) {
	h.t.Helper()
	for end := h.Now().Add(d); h.Now().Before(end); {
		h.For(time.Minute)
		h.send(false, keys...)
		h.must(h.detect.Tick(h.t.Context(), h.Now()))
		h.Settle()
	}
}

func (h *house) newest() respond.Incident {
	h.t.Helper()
	is, err := h.s.List(h.t.Context(), false, 1)
	h.must(err)
	return is[0]
}

func (h *house) resolve() respond.Incident {
	h.t.Helper()
	i, err := h.s.Resolve(h.t.Context(), "INC-1", "mira", "fixed by hand", h.Now())
	h.must(err)
	return i
}

func TestWhatStillFiresPagesAgain(t *testing.T) {
	onBoth(t, onePolicy, func(t *testing.T, h *house) {
		h.send(false, "down", "queue")
		h.Settle()
		h.want("paged", h.heard(), "mira!")
		i := h.resolve()
		h.want("said", i.Reason, "fixed by hand; 2 alerts still fire; if they still fire in 30m, people are paged again")
		h.pass(29*time.Minute, "down", "queue")
		h.want("before", h.heard(), "")
		h.want("the incident", string(h.newest().Status), "resolved")
		h.pass(2*time.Minute, "down", "queue")
		h.want("after", h.heard(), "mira!")
		i = h.newest()
		const why = "it still fires 30m after mira resolved INC-1: fixed by hand"
		if i.ID != "INC-1" || !i.Open() || i.Reopened != 1 || !strings.HasSuffix(i.Reason, why) {
			t.Errorf("%+v", i)
		}
		as, err := h.detect.Alerts(t.Context(), i.Group, true)
		h.must(err)
		h.want("alerts", len(as), 2)
		p, err := h.page.Of(t.Context(), i.Group)
		h.must(err)
		if as[0].Again != why || as[1].Again != why || !strings.HasPrefix(p.Context, why) {
			t.Errorf("%+v, %q", as, p.Context)
		}
		// It is like any other incident again: calm ends it, and the group closes.
		h.send(true, "down", "queue")
		h.Settle()
		h.want("calm", string(h.newest().Status), "resolved")
		h.pass(10 * time.Minute)
		h.send(false, "down")
		h.Settle()
		h.want("another one", string(h.newest().ID), "INC-2")
	})
}

func TestWhatIsOverInTimePagesNobody(t *testing.T) {
	onBoth(t, onePolicy, func(t *testing.T, h *house) {
		h.send(false, "down")
		h.Settle()
		h.resolve()
		h.pass(20*time.Minute, "down")
		h.send(true, "down")
		h.pass(20 * time.Minute)
		h.want("told", h.heard(), "mira!")
		h.want("facts of calm", len(h.Facts(detect.KindGroupCalm)), 1)
		h.want("reopened", h.newest().Reopened, 0)
	})
}

func TestNeverMeansNever(t *testing.T) {
	onBoth(t, strings.Replace(onePolicy, "loops: 1", "loops: 1, pageAgain: 0s", 1), func(t *testing.T, h *house) {
		h.send(false, "down")
		h.Settle()
		h.want("said", h.resolve().Reason, "fixed by hand; 1 alert still fires and will page nobody again")
		h.pass(2*time.Hour, "down")
		h.want("told", h.heard(), "mira!")
	})
}

// What fires next to an incident that opened meanwhile belongs to that one.
func TestWhatStillFiresJoinsANewerIncident(t *testing.T) {
	onBoth(t, onePolicy, func(t *testing.T, h *house) {
		h.send(false, "down")
		h.Settle()
		h.resolve()
		h.pass(10*time.Minute, "down")
		h.send(false, "other")
		h.pass(30*time.Minute, "down", "other")
		h.want("told", h.heard(), "mira! mira!")
		h.want("newest", string(h.newest().ID), "INC-2")
		as, err := h.detect.Alerts(t.Context(), h.newest().Group, true)
		h.must(err)
		h.want("together", len(as), 2)
	})
}

// An alert that comes right after the person's word, before anything else could happen, has people told of it; so does one
// by which the page is ended. On PostgreSQL it may come by another replica.
func TestAlertRightAfterThePersonsWordIsPaged(t *testing.T) {
	for _, by := range []string{"the incident", "the page"} {
		onBoth(t, onePolicy, func(t *testing.T, h *house) {
			h.send(false, "down")
			h.Settle()
			h.heard()
			p, err := h.page.Of(t.Context(), h.newest().Group)
			h.must(err)
			if by == "the page" {
				p, err = h.page.End(t.Context(), p.ID, "mira", h.Now())
				h.must(err)
				h.want("said", p.Reason, "resolved by mira; 1 alert still fires; if it still fires in 30m, people are paged again")
			} else {
				h.resolve()
			}
			h.send(false, "queue")
			h.Settle()
			h.want(by, h.heard(), "mira!")
			now, err := h.page.Of(t.Context(), p.Group)
			h.must(err)
			h.want("state", now.State, page.Open)
			h.want("the incident", h.newest().Open(), true)
			h.send(true, "down", "queue")
			h.Settle()
			h.want("at the end", h.newest().Open(), false)
			h.pass(time.Hour)
			h.want("nobody else", h.heard(), "")
		})
	}
}

// What a person declared pages people like an alert, and is over with the incident: nothing is left to page again.
func TestDeclaredIncidentIsOverWhenAPersonSaysSo(t *testing.T) {
	onBoth(t, onePolicy, func(t *testing.T, h *house) {
		a, err := h.detect.Declare(t.Context(), detect.Declared{Title: "Invoices are empty", Severity: detect.SEV2, Customer: true, Since: h.Now().Add(-20 * time.Minute)}, "tomas", h.Now())
		h.must(err)
		h.Settle()
		h.want("paged", h.heard(), "mira!")
		i, err := h.s.Declared(t.Context(), a)
		h.must(err)
		if i.FoundBy != "customer" || i.Title != "Invoices are empty" || !i.OnsetAt.Equal(h.Now().Add(-20*time.Minute)) {
			t.Errorf("%+v", i)
		}
		h.want("said", h.resolve().Reason, "fixed by hand")
		h.pass(40 * time.Minute)
		h.want("afterwards", h.heard(), "")
		if a, err = h.detect.Alert(t.Context(), a.ID); err != nil || a.State != detect.Resolved || !strings.Contains(a.Resolution, "mira resolved INC-1") {
			t.Errorf("%+v, %v", a, err)
		}
	})
}
