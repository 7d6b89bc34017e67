package page_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/page"
)

var t0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// recorder is a channel that keeps what it was asked to send.
type recorder struct {
	name string
	fail func(m page.Message) error
	mu   sync.Mutex
	sent []page.Message
}

func (r *recorder) Name() string { return r.name }

func (r *recorder) Send(_ context.Context, m page.Message) (string, error) {
	if r.fail != nil {
		if err := r.fail(m); err != nil {
			return "", err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, m)
	return "receipt", nil
}

// world is page on a real store, driven by hand.
type world struct {
	*storetest.Driver
	t    *testing.T
	s    *page.Service
	cat  *catalog.Catalog
	mail *recorder
}

func mailTo(names ...string) map[string]*catalog.Person {
	out := map[string]*catalog.Person{}
	for _, n := range names {
		out[n] = &catalog.Person{Meta: catalog.Meta{Name: n}, Contacts: []catalog.Contact{{Channel: "email", Address: n + "@example.org"}}}
	}
	return out
}

func mins(n int) catalog.Duration { return catalog.Duration(time.Duration(n) * time.Minute) }

// newWorld has a server with e-mail and the named channels.
func newWorld(t *testing.T, more ...string) *world {
	t.Helper()
	cat := &catalog.Catalog{
		People: mailTo("mira", "tomas", "ines"),
		Policies: map[string]*catalog.EscalationPolicy{"default": {
			Meta: catalog.Meta{Name: "default"}, Loops: 2, Hold: map[string]catalog.Duration{"SEV1": 0, "SEV3": mins(10)},
			Steps: []catalog.Step{
				{Targets: []catalog.Target{{Person: "mira"}}},
				{After: mins(5), Targets: []catalog.Target{{Person: "tomas"}}},
				{After: mins(10), Targets: []catalog.Target{{Person: "ines"}}},
			},
		}},
		Runbooks: map[string]*catalog.Runbook{"r": {Risk: catalog.Low, Triggers: []catalog.Trigger{{Cause: "retry_storm"}}}},
	}
	d := storetest.NewDriver(t, storetest.Open(t, storetest.SQLite(t)), t0)
	w := &world{Driver: d, t: t, cat: cat, mail: &recorder{name: "email"}}
	channels := []page.Channel{w.mail}
	for _, name := range more {
		channels = append(channels, &recorder{name: name})
	}
	w.s = page.New(page.Config{Store: d.DB.Page(), Catalog: func() *catalog.Catalog { return w.cat }, Channels: channels,
		BaseURL: func() string { return "https://nk.example.org/" }, Key: []byte("key"), Now: d.Now, Log: slog.New(slog.DiscardHandler)})
	storetest.Follow(d, "page", w.s.Follows())
	storetest.Timers(d, w.s.Timers())
	d.Tasks(w.s.Tasks())
	return w
}

func (w *world) fire(group string, sev detect.Severity) {
	w.t.Helper()
	a := detect.Alert{ID: "al", SLO: "checkout", Service: "checkout", Group: detect.GroupID(group), Severity: sev, State: detect.Firing,
		Reason: "budget burns", FiredAt: w.Now(), Links: detect.Links{RED: "/services/checkout"}, Reading: slo.Reading{Rule: slo.Rules(30 * 24 * time.Hour)[0]}}
	w.Append(event.New(detect.KindFired, w.Now(), event.System, "al", "", detect.Fired{Alert: a, First: true}))
	w.Settle()
}

func (w *world) calm(group string) {
	w.t.Helper()
	w.Append(event.New(detect.KindGroupCalm, w.Now(), event.System, group, "", detect.GroupCalm{Group: detect.GroupID(group), At: w.Now()}))
	w.Settle()
}

func (w *world) release(group, reason, context string) {
	w.t.Helper()
	err := w.DB.Update(w.t.Context(), func(tx *store.Tx) error {
		return tx.Enqueue(w.t.Context(), page.ReleaseJob(page.Release{Group: detect.GroupID(group), Reason: reason, Context: context}, w.Now()))
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Settle()
}

// only returns the newest page there is.
func (w *world) only() page.Page {
	w.t.Helper()
	var ps []page.Page
	err := w.DB.View(w.t.Context(), func(tx *store.Tx) (err error) { ps, err = tx.Pages(w.t.Context(), false, 1); return err })
	if err != nil || len(ps) == 0 {
		w.t.Fatalf("%d pages, %v", len(ps), err)
	}
	return ps[0]
}

// told returns who got mail, in order, with the minute.
func (w *world) told() []string {
	var out []string
	for _, m := range w.mail.sent {
		out = append(out, fmt.Sprintf("%s+%d", m.Person, int(m.At.Sub(t0).Minutes())))
	}
	return out
}

func (w *world) want(what string, got any, want any) {
	w.t.Helper()
	if g, x := fmt.Sprint(got), fmt.Sprint(want); g != x {
		w.t.Errorf("%s: got %s, want %s", what, g, x)
	}
}

func TestNobodyAnswersSoTheNextIsToldUntilThePolicyIsExhausted(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	w.want("at once", w.told(), []string{"mira+0"})
	w.For(5*time.Minute - time.Second)
	w.want("before the second step", w.told(), []string{"mira+0"})
	w.For(3 * time.Hour)
	w.want("in all", w.told(), []string{"mira+0", "tomas+5", "ines+15", "mira+20", "tomas+25", "ines+35"})
	p := w.only()
	if p.State != page.Open || !slices.Equal(p.Told, []string{"mira", "tomas", "ines"}) {
		t.Errorf("page %+v", p)
	}
	w.want("said to be exhausted", len(w.Facts(page.KindExhausted)), 1)
}

func TestAcknowledgedPageEscalatesNoMore(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	w.For(6 * time.Minute)
	p, err := w.s.Ack(t.Context(), w.only().ID, "tomas", w.Now())
	if err != nil || p.State != page.Acked || p.AckedBy != "tomas" || !p.AckedAt.Equal(w.Now()) {
		t.Fatalf("%+v, %v", p, err)
	}
	w.For(5 * time.Hour)
	w.want("told", w.told(), []string{"mira+0", "tomas+5"})
	again, err := w.s.Ack(t.Context(), p.ID, "mira", w.Now())
	if err != nil || again.AckedBy != "tomas" {
		t.Errorf("the first acknowledgement does not stand: %+v, %v", again, err)
	}
	w.calm("g")
	if _, err := w.s.Ack(t.Context(), p.ID, "mira", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("acknowledging what is over: %v", err)
	}
	if _, err := w.s.Ack(t.Context(), "pg_none", "mira", w.Now()); !errs.Is(err, errs.NotFound) {
		t.Errorf("acknowledging what never was: %v", err)
	}
}

func TestHeldPageIsReleasedWhenItsTimeIsOver(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV2)
	p := w.only()
	if p.State != page.Held || !p.HeldUntil.Equal(t0.Add(catalog.DefaultHold)) {
		t.Fatalf("%+v", p)
	}
	w.For(2*time.Minute - time.Second)
	w.want("while held", w.told(), []string{})
	w.For(time.Second)
	w.want("when over", w.told(), []string{"mira+2"})
	p = w.only()
	if p.State != page.Open || p.Reason != "held for 2m and not fixed" || !p.ReleasedAt.Equal(t0.Add(2*time.Minute)) {
		t.Errorf("%+v", p)
	}
	w.For(time.Hour)
	w.want("people", w.only().Told, []string{"mira", "tomas", "ines"})
}

func TestHeldPageThatIsFixedTellsNobody(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV2)
	w.For(time.Minute)
	w.calm("g")
	w.For(3 * time.Hour)
	p := w.only()
	if p.State != page.Resolved || p.Reason != "no alert fires any more; nobody was told" {
		t.Errorf("%+v", p)
	}
	w.want("told", w.told(), []string{})
}

func TestReleaseTellsAtOnceWithWhatWasFoundOut(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV3)
	w.For(time.Minute)
	w.release("g", "the runbook gave up", "checkout: bad deploy")
	w.want("told", w.told(), []string{"mira+1"})
	if m := w.mail.sent[0]; !strings.Contains(m.Text, "checkout: bad deploy") {
		t.Errorf("text %q", m.Text)
	}
	w.For(time.Hour)
	w.want("released once", len(w.Facts(page.KindOpened)), 1)
}

func TestReleaseOfAnOpenPageAddsTheContextAndTellsNobodyAgain(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	w.release("g", "late", "found later")
	w.want("told", w.told(), []string{"mira+0"})
	w.want("context", w.only().Context, "found later")
	w.release("no such group", "x", "")
	w.For(5 * time.Minute)
	if m := w.mail.sent[1]; !strings.Contains(m.Text, "found later") {
		t.Errorf("the next person reads %q", m.Text)
	}
}

func TestNothingIsHeldWhenNoRunbookCouldFixIt(t *testing.T) {
	w := newWorld(t)
	w.cat.Runbooks = nil
	w.fire("g", detect.SEV2)
	w.want("told", w.told(), []string{"mira+0"})
}

func TestTicketPagesNobody(t *testing.T) {
	w := newWorld(t)
	a := detect.Alert{Group: "g", Severity: detect.SEV4, Reading: slo.Reading{Rule: slo.Rules(30 * 24 * time.Hour)[2]}}
	w.Append(event.New(detect.KindFired, t0, event.System, "al", "", detect.Fired{Alert: a}))
	w.For(time.Hour)
	var kinds []string
	for _, e := range w.Facts() {
		kinds = append(kinds, e.Kind)
	}
	w.want("facts", kinds, []string{detect.KindFired, page.KindTicketOpened})
}

func TestWorseAlertRaisesThePage(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV3)
	w.fire("g", detect.SEV2)
	w.fire("g", detect.SEV3)
	if p := w.only(); p.Severity != detect.SEV2 || p.State != page.Held {
		t.Errorf("%+v", p)
	}
	w.want("raised", len(w.Facts(page.KindRaised)), 1)
}

func TestRaisedPageIsHeldNoLongerThanItsSeverityAllows(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV3) // may be held for ten minutes
	w.For(time.Minute)
	w.fire("g", detect.SEV2) // two
	w.For(time.Minute)
	w.want("told", w.told(), []string{"mira+2"})

	w = newWorld(t)
	w.fire("g", detect.SEV3)
	w.For(time.Minute)
	w.fire("g", detect.SEV1) // not at all
	w.want("told", w.told(), []string{"mira+1"})
}

func TestSameFactTwiceIsOnePage(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	w.fire("g", detect.SEV1)
	w.want("told", w.told(), []string{"mira+0"})
	w.calm("g")
	w.calm("g")
	w.want("resolved", len(w.Facts(page.KindResolved)), 1)
}

func TestTroubleThatComesBackIsANewPage(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	first := w.only().ID
	w.For(time.Minute)
	w.calm("g")
	w.For(time.Minute)
	w.fire("g", detect.SEV1)
	if w.only().ID == first {
		t.Error("a resolved page came back to life")
	}
	w.want("told", w.told(), []string{"mira+0", "mira+2"})
}

func TestChannelThatFailsIsTriedAgainUntilItTakesTheMessage(t *testing.T) {
	w := newWorld(t)
	tries := 0
	w.mail.fail = func(page.Message) error {
		if tries++; tries < 4 {
			return errs.New(errs.Unavailable, "greylisted")
		}
		return nil
	}
	w.fire("g", detect.SEV1)
	_, ns, err := w.s.Get(t.Context(), w.only().ID)
	if err != nil || delivery(ns, "email") != page.Queued || delivery(ns, "inbox") != page.Sent {
		t.Errorf("nothing is called sent before the channel took it: %+v, %v", ns, err)
	}
	w.For(time.Minute)
	w.want("tries", tries, 4)
	w.want("told", w.told(), []string{"mira+0"})
	_, ns, err = w.s.Get(t.Context(), w.only().ID)
	if err != nil || delivery(ns, "email") != page.Sent {
		t.Errorf("%+v, %v", ns, err)
	}
}

func delivery(ns []page.Notification, channel string) page.Delivery {
	for _, n := range ns {
		if n.Channel == channel {
			return n.Delivery
		}
	}
	return ""
}

func TestDeliveryThatCannotWorkFailsVisibly(t *testing.T) {
	f := func(name string, breakIt func(w *world), after time.Duration, tries int, reason string) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			n := 0
			w.mail.fail = func(page.Message) error { n++; return nil }
			breakIt(w)
			inner := w.mail.fail
			w.mail.fail = func(m page.Message) error { err := inner(m); return err }
			w.fire("g", detect.SEV1)
			w.For(after)
			fs := w.Facts(page.KindFailed)
			if len(fs) == 0 || !strings.Contains(fs[0].Text, reason) {
				t.Fatalf("facts %+v", fs)
			}
			if w.only().State != page.Open {
				t.Error("the page is not open any more")
			}
		})
	}
	f("wrong address", func(w *world) {
		w.mail.fail = func(page.Message) error { return errs.New(errs.Invalid, "no such mailbox") }
	}, time.Second, 1, "mira could not be told by email: no such mailbox")
	f("channel that is not configured", func(w *world) { w.cat.People["mira"].Contacts[0].Channel = "pager" }, time.Second, 0, "channel pager is not configured on this server")
	f("channel that never works", func(w *world) { w.mail.fail = func(page.Message) error { return errors.New("oh") } }, time.Hour, job.MaxAttempts, "mira could not be told by email")
}

func TestOneChannelDownDelaysNoOther(t *testing.T) {
	w := newWorld(t)
	hook := &recorder{name: "webhook"}
	w.s = page.New(page.Config{Store: w.DB.Page(), Catalog: func() *catalog.Catalog { return w.cat }, Channels: []page.Channel{w.mail, hook},
		BaseURL: func() string { return "https://x" }, Key: []byte("key"), Now: w.Now, Log: slog.New(slog.DiscardHandler)})
	w.Tasks(w.s.Tasks())
	w.mail.fail = func(page.Message) error { return errors.New("down") }
	w.cat.People["mira"].Contacts = append(w.cat.People["mira"].Contacts, catalog.Contact{Channel: "webhook", Address: "https://hook"})
	w.fire("g", detect.SEV1)
	w.want("by webhook", len(hook.sent), 1)
	w.want("by mail", len(w.mail.sent), 0)
}

func TestMessageCarriesWhatAPersonNeedsAtNight(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	m := w.mail.sent[0]
	if m.Address != "mira@example.org" || m.Severity != detect.SEV1 || m.Title != "SEV1 checkout" || !strings.Contains(m.Text, "budget burns") ||
		m.Links.RED != "https://nk.example.org/services/checkout" || m.PageURL != "https://nk.example.org/pages/"+string(m.Page) {
		t.Errorf("%+v", m)
	}
	token, ok := strings.CutPrefix(m.AckURL, "https://nk.example.org/ack/")
	id, person, err := w.s.OpenAckToken(token, w.Now())
	if !ok || err != nil || id != m.Page || person != "mira" {
		t.Errorf("acknowledge link %q opens as %s, %s, %v", m.AckURL, id, person, err)
	}
}

func TestAckTokenLetsItsHolderDoOneThingForADay(t *testing.T) {
	w := newWorld(t)
	until := t0.Add(24 * time.Hour)
	token := w.s.AckToken("pg_1", "mira.o'hara ünlü", until)
	id, who, err := w.s.OpenAckToken(token, until)
	if err != nil || id != "pg_1" || who != "mira.o'hara ünlü" {
		t.Fatalf("%s, %s, %v", id, who, err)
	}
	if _, _, err := w.s.OpenAckToken(token, until.Add(time.Second)); !errs.Is(err, errs.Denied) || !strings.Contains(errs.Message(err), "expired") {
		t.Errorf("after its time: %v", err)
	}
	other := page.New(page.Config{Key: []byte("another")})
	if _, _, err := other.OpenAckToken(token, t0); !errs.Is(err, errs.Denied) {
		t.Errorf("under another key: %v", err)
	}
	for i := range token { // every character counts
		b := []byte(token)
		if b[i] ^= 1; string(b) == token {
			continue
		}
		if id, who, err := w.s.OpenAckToken(string(b), t0); !errs.Is(err, errs.Denied) {
			t.Fatalf("tampered at %d: %s, %s, %v", i, id, who, err)
		}
	}
	for _, s := range []string{"", ".", "...", "pg_1.6d.1", token + ".", "." + token, token[:len(token)-1]} {
		if _, _, err := w.s.OpenAckToken(s, t0); !errs.Is(err, errs.Denied) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestInboxShowsWhatAPersonWasTold(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	w.For(6 * time.Minute)
	for person, want := range map[string]int{"mira": 2, "tomas": 2, "ines": 0} { // the inbox and a mail each
		ns, err := w.s.Inbox(t.Context(), person)
		if err != nil || len(ns) != want {
			t.Errorf("%s: %d notifications, want %d (%v)", person, len(ns), want, err)
		}
	}
}

func TestPolicyThatChangesWhileThePageIsOpen(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	w.For(6 * time.Minute)
	changed := *w.cat.Policies["default"]
	changed.Steps = changed.Steps[:1]
	w.cat.Policies["default"] = &changed
	w.For(3 * time.Hour)
	w.want("told", w.told(), []string{"mira+0", "tomas+5", "mira+15"})
}

// The page machine on a random walk: whatever happens in whatever order, what doc.go promises holds after each step.
func TestRandomWalkKeepsThePromises(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t)
			rng := rand.New(rand.NewPCG(seed, 3))
			w.mail.fail = func(page.Message) error {
				if rng.IntN(3) == 0 {
					return errs.New(errs.Unavailable, "down")
				}
				return nil
			}
			for range 50 {
				g := fmt.Sprint("g", rng.IntN(2))
				switch rng.IntN(7) {
				case 0, 1:
					w.fire(g, []detect.Severity{detect.SEV1, detect.SEV2, detect.SEV3}[rng.IntN(3)])
				case 2:
					w.calm(g)
				case 3:
					if ps, err := w.s.Live(t.Context()); err == nil && len(ps) > 0 {
						if _, err := w.s.Ack(t.Context(), ps[rng.IntN(len(ps))].ID, "mira", w.Now()); err != nil {
							t.Fatal(err)
						}
					}
				case 4:
					w.release(g, "a runbook gave up", "")
				default:
					w.For(time.Duration(rng.IntN(600)) * time.Second)
				}
				w.check()
			}
			w.For(24 * time.Hour)
			w.check()
		})
	}
}

// check looks at everything that is stored.
func (w *world) check() {
	w.t.Helper()
	ctx := w.t.Context()
	timers, done := w.timers(), w.Facts(page.KindExhausted)
	err := w.DB.View(ctx, func(tx *store.Tx) error {
		ps, err := tx.Pages(ctx, false, 1000)
		if err != nil {
			return err
		}
		live := map[detect.GroupID]int{}
		for _, p := range ps {
			ns, err := tx.Notifications(ctx, p.ID, "", 1000)
			if err != nil {
				return err
			}
			timer := slices.Contains(timers, string(p.ID)) || (p.State != page.Resolved && slices.Contains(timers, string(p.Group)))
			exhausted := slices.ContainsFunc(done, func(e event.Event) bool { return e.Subject == string(p.ID) })
			switch p.State {
			case page.Held:
				if !timer || len(ns) > 0 {
					w.t.Fatalf("held with timer %v and %d notifications: %+v", timer, len(ns), p)
				}
			case page.Open:
				if !timer && !exhausted {
					w.t.Fatalf("open, not exhausted and without a timer: %+v", p)
				}
				if len(ns) == 0 {
					w.t.Fatalf("open and nobody was told: %+v", p)
				}
			case page.Acked, page.Resolved:
				if timer {
					w.t.Fatalf("%s and still has a timer: %+v", p.State, p)
				}
			}
			if p.State != page.Resolved {
				live[p.Group]++
			}
			for _, n := range ns {
				if n.Delivery == page.Sent && n.Channel == "email" && !slices.ContainsFunc(w.mail.sent, func(m page.Message) bool { return m.Notification == n.ID || m.Notification == n.In }) {
					w.t.Fatalf("called sent, but the channel never took it: %+v", n)
				}
			}
		}
		for g, n := range live {
			if n > 1 {
				w.t.Fatalf("group %s has %d live pages", g, n)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

var errUndo = errors.New("undo")

// timers returns the keys of all timers of pages. Taking them is the only way to see them, and the transaction is undone.
func (w *world) timers() (keys []string) {
	w.t.Helper()
	err := w.DB.Update(w.t.Context(), func(tx *store.Tx) error {
		keys = nil
		for {
			j, err := tx.Take(w.t.Context(), []string{"page.release", "page.escalate"}, w.Now().Add(1000*time.Hour))
			if err != nil {
				return errUndo
			}
			keys = append(keys, j.Key)
		}
	})
	if !errors.Is(err, errUndo) {
		w.t.Fatal(err)
	}
	return keys
}
