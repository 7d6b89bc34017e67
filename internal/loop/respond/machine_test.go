package respond_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/respond"
)

var t0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

type blind struct{}

var errAway = errs.New(errs.Unavailable, "the engine is away")

func (blind) Logs(context.Context, observe.Filter) ([]observe.LogLine, error) { return nil, errAway }
func (blind) Spans(context.Context, observe.Filter) ([]observe.Span, error)   { return nil, errAway }
func (blind) Trace(context.Context, string) ([]observe.Span, error)           { return nil, errAway }
func (blind) Metrics(context.Context, string, time.Time, time.Time, time.Duration) ([]observe.Series, error) {
	return nil, errAway
}

// world is respond on a real store, driven by hand.
type world struct {
	*storetest.Driver
	t *testing.T
	s *respond.Service
	n int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cat := &catalog.Catalog{
		People: map[string]*catalog.Person{"mira": {}, "tomas": {}},
		Schedules: map[string]*catalog.Schedule{"command": {Meta: catalog.Meta{Name: "command", Labels: map[string]string{"role": "commander"}},
			TimeZone: "UTC", Start: "2026-11-01", Turn: catalog.Every(24 * time.Hour), Members: catalog.Crews("ines")}},
	}
	d := storetest.NewDriver(t, storetest.Open(t, storetest.SQLite(t)), t0)
	w := &world{Driver: d, t: t, s: respond.New(respond.Config{Store: d.DB.Respond(), Catalog: func() *catalog.Catalog { return cat }, Graph: graph.New(), Telemetry: blind{},
		Deploys: func(context.Context, time.Time) ([]observe.Deploy, error) { return nil, errors.New("no") }, Now: d.Now, Log: slog.New(slog.DiscardHandler)})}
	storetest.Follow(d, "respond", w.s.Follows())
	d.Tasks(w.s.Tasks())
	return w
}

func (w *world) fire(group, service string, sev detect.Severity) detect.Alert {
	w.t.Helper()
	w.n++
	a := detect.Alert{ID: detect.AlertID(fmt.Sprint("al_", w.n)), Service: service, Group: detect.GroupID(group), Severity: sev, Reason: "budget burns", FiredAt: w.Now()}
	w.Append(event.New(detect.KindFired, w.Now(), event.System, string(a.ID), "", detect.Fired{Alert: a}))
	w.Settle()
	return a
}

func (w *world) calm(group string) {
	w.t.Helper()
	w.Append(event.New(detect.KindGroupCalm, w.Now(), event.System, group, "", detect.GroupCalm{Group: detect.GroupID(group)}))
	w.Settle()
}

func (w *world) ack(group, by string) {
	w.t.Helper()
	w.Append(event.New(page.KindAcked, w.Now(), by, "pg", "", page.Changed{Page: page.Page{Group: detect.GroupID(group), AckedBy: by, AckedAt: w.Now()}}))
	w.Settle()
}

func (w *world) all() []respond.Incident {
	w.t.Helper()
	is, err := w.s.List(w.t.Context(), false, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return is
}

func TestAlertsOfAGroupAreOneIncident(t *testing.T) {
	w := newWorld(t)
	w.fire("g", "checkout", detect.SEV2)
	w.fire("g", "payment", detect.SEV1)
	w.fire("h", "search", detect.SEV3)
	is := w.all()
	if len(is) != 2 || is[1].ID != "INC-1" || is[1].Severity != detect.SEV1 || is[1].Commander != "ines" || len(is[1].Alerts) != 2 ||
		!slices.Equal(is[1].Burning, []string{"checkout", "payment"}) || is[0].Commander != "" {
		t.Fatalf("%+v", is)
	}
	w.ack("h", "tomas")
	if i := w.all()[0]; i.Commander != "tomas" || i.AckedAt.IsZero() {
		t.Errorf("who acknowledges first has command: %+v", i)
	}
	w.ack("g", "tomas")
	if i := w.all()[1]; i.Commander != "ines" {
		t.Errorf("and takes it from nobody: %+v", i)
	}
}

// A ticket pages nobody: its incident waits, as its words say, until somebody takes the ticket or an alert pages.
func TestIncidentOfATicketIsQueuedUntilSomebodyWorksOnIt(t *testing.T) {
	w := newWorld(t)
	ticket := func(group string) {
		t.Helper()
		w.n++
		a := detect.Alert{ID: detect.AlertID(fmt.Sprint("al_", w.n)), Source: "cron", Service: "prefs", Group: detect.GroupID(group), Severity: detect.SEV4, Reason: "disk fills", FiredAt: w.Now()}
		w.Append(event.New(detect.KindFired, w.Now(), event.System, string(a.ID), "", detect.Fired{Alert: a}))
		w.Settle()
	}
	f := func(status respond.Status, reason string) {
		t.Helper()
		if i := w.all()[0]; i.Status != status || i.Reason != reason {
			t.Errorf("%s because %q, want %s because %q", i.Status, i.Reason, status, reason)
		}
	}
	ticket("g")
	f(respond.Queued, "disk fills")
	w.Append(event.New(page.KindTicketTaken, w.Now(), "mira", "tk", "", page.Ticketed{Ticket: page.Ticket{Group: "g", TakenBy: "mira"}}))
	w.Settle()
	f(respond.Investigating, "mira took its ticket")
	w.calm("g")
	f(respond.Resolved, "no alert fires any more")
	ticket("g")
	f(respond.Queued, "an alert fires again: prefs")

	ticket("h")
	f(respond.Queued, "disk fills")
	w.fire("h", "checkout", detect.SEV2)
	f(respond.Investigating, "budget burns")
}

func TestIncidentSaysThatItEndedBecauseItsAlertsWereMuted(t *testing.T) {
	w := newWorld(t)
	w.fire("g", "checkout", detect.SEV2)
	w.Append(event.New(detect.KindGroupCalm, w.Now(), event.System, "g", "", detect.GroupCalm{Group: "g", Muted: true, Reason: "all of its alerts are muted: silence s1"}))
	w.Settle()
	if i := w.all()[0]; i.Open() || !i.Muted || i.Reason != "all of its alerts are muted: silence s1" {
		t.Errorf("%+v", i)
	}
	w.fire("g", "checkout", detect.SEV2)
	w.calm("g")
	if i := w.all()[0]; i.Open() || i.Muted {
		t.Errorf("the second time it was over: %+v", i)
	}
}

func TestSameAlertTwiceIsOne(t *testing.T) {
	w := newWorld(t)
	a := w.fire("g", "checkout", detect.SEV2)
	w.Append(event.New(detect.KindFired, w.Now(), event.System, string(a.ID), "", detect.Fired{Alert: a}))
	w.Settle()
	if is := w.all(); len(is) != 1 || len(is[0].Alerts) != 1 {
		t.Errorf("%+v", is)
	}
}

func TestIncidentIsNamedWithoutTelemetry(t *testing.T) {
	w := newWorld(t)
	w.fire("g", "checkout", detect.SEV2)
	w.For(2 * time.Minute)
	if n := len(w.Facts(respond.KindNamed)); n != 1 {
		t.Errorf("named %d times: what is not known must be said, so that people are told", n)
	}
}

func TestPersonResolvesWithAReason(t *testing.T) {
	w := newWorld(t)
	w.fire("g", "checkout", detect.SEV2)
	f := func(id respond.ID, reason string, want errs.Code) {
		t.Helper()
		if _, err := w.s.Resolve(t.Context(), id, "mira", reason, w.Now()); errs.CodeOf(err) != want {
			t.Errorf("%s %q: %v, want %q", id, reason, err, want)
		}
	}
	f("INC-1", " ", errs.Invalid)
	f("INC-9", "x", errs.NotFound)
	f("INC-1", "false alarm", "")
	f("INC-1", "again", errs.Conflict)
	if e := w.Facts(respond.KindResolved)[0]; e.Actor != "mira" {
		t.Errorf("%+v", e)
	}
}

func TestNotesAndCommand(t *testing.T) {
	w := newWorld(t)
	w.fire("g", "checkout", detect.SEV2)
	f := func(what string, err error, want errs.Code) {
		t.Helper()
		if errs.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	long := make([]byte, 4001)
	for i := range long {
		long[i] = 'x'
	}
	f("a note", w.s.Note(t.Context(), "INC-1", "mira", " looks like the pool ", w.Now()), "")
	f("no note", w.s.Note(t.Context(), "INC-1", "mira", "\n", w.Now()), errs.Invalid)
	f("a novel", w.s.Note(t.Context(), "INC-1", "mira", string(long), w.Now()), errs.Invalid)
	f("a note nowhere", w.s.Note(t.Context(), "INC-9", "mira", "x", w.Now()), errs.NotFound)
	f("command", w.s.Command(t.Context(), "INC-1", "tomas", "mira", w.Now()), "")
	f("command of nobody", w.s.Command(t.Context(), "INC-1", "nobody", "mira", w.Now()), errs.Invalid)
	es, err := w.s.Timeline(t.Context(), "INC-1")
	if err != nil || !slices.ContainsFunc(es, func(e event.Event) bool { return e.Text == "looks like the pool" && e.Actor == "mira" }) {
		t.Errorf("timeline %+v, %v", es, err)
	}
}

// The incident machine on a random walk: whatever happens in whatever order, what doc.go promises holds after each step.
func TestRandomWalkKeepsThePromises(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t)
			rng := rand.New(rand.NewPCG(seed, 5))
			firing := map[string]bool{}
			for range 50 {
				g := fmt.Sprint("g", rng.IntN(2))
				var any respond.ID
				if is := w.all(); len(is) > 0 {
					any = is[rng.IntN(len(is))].ID
				}
				switch rng.IntN(8) {
				case 0, 1:
					w.fire(g, fmt.Sprint("s", rng.IntN(3)), []detect.Severity{detect.SEV1, detect.SEV2, detect.SEV3}[rng.IntN(3)])
					firing[g] = true
				case 2:
					w.calm(g)
					firing[g] = false
				case 3:
					w.ack(g, "mira")
				case 4: // a run begins or ends badly
					if any != "" {
						err := w.DB.Update(t.Context(), func(tx *store.Tx) error {
							if rng.IntN(2) == 0 {
								return w.s.Mitigating(t.Context(), tx, any, "run_1", "at work", w.Now())
							}
							return w.s.Failed(t.Context(), tx, any, "run_1", "gave up", w.Now())
						})
						if err != nil {
							t.Fatal(err)
						}
					}
				case 5:
					if any != "" && rng.IntN(4) == 0 {
						if _, err := w.s.Resolve(t.Context(), any, "mira", "over", w.Now()); err == nil {
							for _, i := range w.all() {
								if i.ID == any {
									firing[string(i.Group)] = false // a person says so
								}
							}
						}
					}
				default:
					w.For(time.Duration(rng.IntN(90)) * time.Second)
				}
				w.check(firing)
			}
		})
	}
}

func (w *world) check(firing map[string]bool) {
	w.t.Helper()
	groups := map[detect.GroupID]bool{}
	for _, i := range w.all() {
		if groups[i.Group] {
			w.t.Fatalf("two incidents of group %s", i.Group)
		}
		groups[i.Group] = true
		if i.Open() != firing[string(i.Group)] {
			w.t.Fatalf("group fires %v, and the incident is %s because %q", firing[string(i.Group)], i.Status, i.Reason)
		}
		if i.Open() == !i.ResolvedAt.IsZero() || i.Reason == "" || len(i.Alerts) == 0 {
			w.t.Fatalf("%+v", i)
		}
		for _, b := range i.Burning {
			if !slices.Contains(i.Affected, b) {
				w.t.Fatalf("%s burns and is not affected: %+v", b, i)
			}
		}
		var jobs int
		undo := errors.New("undo")
		err := w.DB.Update(w.t.Context(), func(tx *store.Tx) error {
			for jobs = 0; ; {
				j, err := tx.Take(w.t.Context(), []string{"respond.diagnose"}, w.Now().Add(time.Hour))
				if err != nil {
					return undo
				}
				if j.Key == string(i.ID) {
					jobs++
				}
			}
		})
		if !errors.Is(err, undo) {
			w.t.Fatal(err)
		}
		if want := map[bool]int{true: 1}[i.Open()]; jobs != want {
			w.t.Fatalf("%d looks are planned for an incident that is %s", jobs, i.Status)
		}
	}
}

func TestPersonWhoEndsThePageResolvesTheIncident(t *testing.T) {
	w := newWorld(t)
	w.fire("g", "checkout", detect.SEV2)
	w.fire("h", "search", detect.SEV2)
	end := func(group, by string) {
		e := event.New(page.KindResolved, w.Now(), by, "pg", "", page.Changed{})
		e.Group = group
		w.Append(e)
		w.Settle()
	}
	end("g", event.System)
	if i := w.all()[1]; !i.Open() {
		t.Errorf("a page that the program ended ended its incident: %+v", i)
	}
	end("g", "tomas")
	end("g", "tomas")
	end("nothing", "tomas")
	is := w.all()
	if is[1].Open() || !strings.Contains(is[1].Reason, "tomas resolved its page") || !is[0].Open() {
		t.Errorf("%+v", is)
	}
	if n := len(w.Facts(respond.KindResolved)); n != 1 {
		t.Errorf("resolved %d times", n)
	}
}

func TestOfWhatOnlyAnotherSystemKnowsNothingIsDiagnosed(t *testing.T) {
	w := newWorld(t)
	a := detect.Alert{ID: "al_9", Source: "alertmanager", Integration: "prom", Title: "Disk full", Group: "g", Severity: detect.SEV2, FiredAt: w.Now()}
	w.Append(event.New(detect.KindFired, w.Now(), event.System, string(a.ID), "", detect.Fired{Alert: a}))
	w.Settle()
	w.For(2 * time.Minute)
	if is := w.all(); len(is) != 1 || is[0].Title != "Disk full" || len(is[0].Burning) != 0 || is[0].Cause != nil {
		t.Errorf("%+v", is)
	}
}
