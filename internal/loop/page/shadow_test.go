package page_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// shadow makes a world that pages nobody, whose alerts are what the test fires.
func shadow(t *testing.T) (*world, *[]detect.Alert) {
	w := newWorld(t)
	w.s.Shadow = true
	var all []detect.Alert
	w.s.Alerts = func(_ context.Context, g detect.GroupID) (out []detect.Alert, err error) {
		for _, a := range all {
			if g == "" || a.Group == g {
				out = append(out, a)
			}
		}
		return out, nil
	}
	w.s.Events = w.DB.Events
	return w, &all
}

// comes fires an alert of another system.
func (w *world) comes(all *[]detect.Alert, group, key, service string) {
	w.t.Helper()
	a := detect.Alert{ID: detect.AlertID("al-" + key), Source: "pagerduty", Integration: "old", Key: key, Service: service, Title: key, Group: detect.GroupID(group),
		Severity: detect.SEV1, State: detect.Firing, FiredAt: w.Now()}
	*all = append(*all, a)
	w.Append(event.New(detect.KindFired, w.Now(), event.System, string(a.ID), "", detect.Fired{Alert: a, First: true}))
	w.Settle()
}

func named(name string) page.Named { return page.Named{Name: name} }

func TestAShadowDecidesEverythingAndTellsNobody(t *testing.T) {
	w, _ := shadow(t)
	w.fire("g", detect.SEV1)
	w.For(6 * time.Minute)
	w.want("no mail", len(w.mail.sent), 0)
	p := w.only()
	w.want("the escalation went on", p.Told, []string{"mira", "tomas"})
	_, ns, err := w.s.Get(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range ns {
		if n.Delivery != page.Shadow || n.SentAt.IsZero() {
			t.Errorf("%s by %s: %s at %s, want shadow", n.Person, n.Channel, n.Delivery, n.SentAt)
		}
	}
	w.want("notifications", len(ns), 4)
	w.want("nobody is called told", len(w.Facts(page.KindNotified)), 0)
	w.want("it is said who would have been", len(w.Facts(page.KindShadowed)), 4)
	w.s.Alert = func(context.Context, detect.AlertID) (detect.Alert, error) {
		return detect.Alert{Group: "g", SLO: "checkout"}, nil
	}
	why, err := w.s.Why(t.Context(), "al", "mira", w.Now())
	if err != nil || !strings.Contains(why.Verdict, "mira was not told, because this server runs as a shadow") || why.Told {
		t.Errorf("%q %v", why.Verdict, err)
	}
	if why, err = w.s.Why(t.Context(), "al", "", w.Now()); err != nil || !strings.Contains(why.Verdict, "It would have told mira by") {
		t.Errorf("%q %v", why.Verdict, err)
	}
	w.want("a test that somebody asks for is sent", len(must(w.s.Check(t.Context(), "ines", "mira"))), 1)
	w.want("by mail", len(w.mail.sent), 1)
	w.s.Shadow = false
	w.For(10 * time.Minute)
	w.want("what comes after the switch is sent", w.mail.sent[len(w.mail.sent)-1].Person, "ines")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAShadowTellsNobodyAboutBeingOnCall(t *testing.T) {
	w, _ := shadow(t)
	w.cat.Schedules = map[string]*catalog.Schedule{"primary": {Meta: catalog.Meta{Name: "primary"}, TimeZone: "UTC", Start: "2026-01-05T09:00", NoticeBefore: catalog.Duration(24 * time.Hour),
		Turn: catalog.Every(7 * 24 * time.Hour), Members: []catalog.Crew{{"mira"}, {"tomas"}}}}
	if err := w.s.WatchSchedules(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	w.For(15 * 24 * time.Hour)
	ns := must(w.s.Notices(t.Context(), "mira"))
	if len(ns) == 0 || slices.ContainsFunc(ns, func(n page.Notice) bool { return n.Delivery != page.Shadow }) {
		t.Errorf("%+v, want notices of which none was sent", ns)
	}
	w.want("no mail", len(w.mail.sent), 0)
}

// What both systems did in one night, and what the report makes of it.
func TestTheReportSaysWhatDiffers(t *testing.T) {
	w, all := shadow(t)
	w.cat.Services = map[string]*catalog.Service{"checkout": {Meta: catalog.Meta{Name: "checkout", Annotations: map[string]string{"pagerduty/id": "PSVC"}}}}
	w.cat.People["mira"].Annotations = map[string]string{"pagerduty/id": "PMIRA"}
	begin := w.Now()
	at := func(d time.Duration) time.Time { return begin.Add(d) }
	told := func(d time.Duration, who page.Named) []page.TheirNotice {
		return []page.TheirNotice{{Who: who, At: at(d), By: "sms"}}
	}
	mira := page.Named{ID: "PMIRA", Name: "Mira Okafor"}
	var there []page.Theirs

	// The same person, ten seconds later there, and nobody else because she took it.
	w.comes(all, "g1", "disk", "checkout")
	there = append(there, page.Theirs{ID: "P1", Keys: []string{"disk"}, At: at(0), Told: told(10*time.Second, mira), TakenBy: mira, TakenAt: at(2 * time.Minute)})
	w.For(20 * time.Minute)
	// Two of theirs are one page here; they told Tomas, whom nobody told here in time.
	w.comes(all, "g2", "api", "checkout")
	w.comes(all, "g2", "db", "checkout")
	there = append(there,
		page.Theirs{ID: "P2", Keys: []string{"api"}, At: at(20 * time.Minute), Told: told(20*time.Minute, mira), TakenAt: at(21 * time.Minute)},
		page.Theirs{ID: "P3", Keys: []string{"db"}, At: at(20 * time.Minute), Told: told(20*time.Minute, named("Tomas"))})
	w.For(20 * time.Minute)
	// Without a key it is found by service and time; the first word came three minutes earlier here.
	w.comes(all, "g3", "", "checkout")
	there = append(there, page.Theirs{ID: "P4", Service: page.Named{ID: "PSVC"}, At: at(43 * time.Minute), Told: told(43*time.Minute, mira), TakenAt: at(44 * time.Minute)})
	w.For(20 * time.Minute)
	// Only there: one that was silenced here, and one that never came.
	*all = append(*all, detect.Alert{ID: "al-muted", Source: "pagerduty", Key: "noisy", FiredAt: w.Now(), Muted: []string{"silenced by tomas"}})
	there = append(there, page.Theirs{ID: "P5", Title: "Noisy", Keys: []string{"noisy"}, At: w.Now(), Told: told(time.Hour, mira)},
		page.Theirs{ID: "P6", Title: "Lost", Keys: []string{"lost"}, At: w.Now(), Told: told(time.Hour, named("Zoë"))},
		page.Theirs{ID: "P7", Title: "Low urgency", Keys: []string{"low"}, At: w.Now()})
	// Only here.
	w.For(20 * time.Minute)
	w.comes(all, "g4", "ours", "checkout")

	r, err := w.s.Compare(t.Context(), page.Beside{Source: "pagerduty", From: begin, To: w.Now().Add(time.Hour), Incidents: there}, "ines", w.Now())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range r.Rows {
		got = append(got, fmt.Sprintf("%s %d %s: %s", row.Outcome, len(row.Theirs), row.Delay(), strings.Join(row.Why, "; ")))
	}
	want := []string{
		"only theirs 1 : the alert is here and tells nobody: silenced by tomas",
		"only theirs 1 : no page here has its key, nor its service at that time: look whether the same alert is sent here",
		"differs 2 +0 s: tomas was told only there",
		"differs 1 -180 s: the first word came 3m earlier here",
		"only ours 0 : ",
		"same 1 -10 s: ",
		"same 1 : ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	w.want("unknown people", r.Unknown, []string{"Zoë"})
	w.want("groups", fmt.Sprint(r.Groups, " of ", r.Grouped), "1 of 2")
	if r.Ready() || !strings.HasPrefix(r.Verdict, "In 2h20m 7 pages: 2 the same people within 1m; 2 differ; 2 only there; 1 only here: ") {
		t.Errorf("%q", r.Verdict)
	}
	last := must(w.s.LastReport(t.Context()))
	w.want("it is kept", last.Markdown(), r.Markdown())
	md := r.Markdown()
	for _, part := range []string{"| incidents there | 7 |", "| pages here that were several incidents there | 1, of 2 |", "Not in the catalog: Zoë.", "2 incidents there; tomas was told only there"} {
		if !strings.Contains(md, part) {
			t.Errorf("%q is not in\n%s", part, md)
		}
	}
}

func TestAReportWithoutDifferencesSaysThatNothingSpeaksAgainstMoving(t *testing.T) {
	w, all := shadow(t)
	begin := w.Now()
	w.comes(all, "g", "k", "checkout")
	b := page.Beside{Source: "opsgenie", From: begin, To: begin.AddDate(0, 0, 30), Incidents: []page.Theirs{
		{ID: "1", Keys: []string{"k"}, At: begin, Told: []page.TheirNotice{{Who: page.Named{Email: "mira@example.org"}, At: begin}}, TakenAt: begin.Add(time.Minute)}}}
	r := must(w.s.Compare(t.Context(), b, "ines", w.Now()))
	if !r.Ready() || r.Verdict != "In 30 days 1 page: 1 the same people within 1m." {
		t.Errorf("%v %q", r.Ready(), r.Verdict)
	}
	// Who was told is not said there: then it counts whether who took it would have been told here.
	b.Incidents[0].Told, b.Incidents[0].Unsaid, b.Incidents[0].TakenBy = nil, true, named("mira")
	w.want("told here", must(w.s.Compare(t.Context(), b, "ines", w.Now())).Rows[0].Outcome, page.Untold)
	b.Incidents[0].TakenBy = named("tomas")
	w.want("took it, and not told here", must(w.s.Compare(t.Context(), b, "ines", w.Now())).Rows[0].Why, []string{"tomas took it there and was not told here"})
}

func TestAComparisonThatMakesNoSenseIsRefused(t *testing.T) {
	w, _ := shadow(t)
	good := page.Beside{Source: "pagerduty", From: t0, To: t0.Add(time.Hour)}
	for name, b := range map[string]page.Beside{
		"no system": {From: good.From, To: good.To},
		"backwards": {Source: "x", From: good.To, To: good.From},
		"two years": {Source: "x", From: t0, To: t0.AddDate(2, 0, 0)},
		"no time":   {Source: "x", From: good.From, To: good.To, Incidents: []page.Theirs{{ID: "1"}}},
		"no id":     {Source: "x", From: good.From, To: good.To, Incidents: []page.Theirs{{At: t0}}},
		"more":      {Source: "x", From: good.From, To: good.To, Incidents: make([]page.Theirs, 10_001)},
	} {
		if _, err := w.s.Compare(t.Context(), b, "ines", t0); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	if _, err := w.s.LastReport(t.Context()); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v, want not_found", err)
	}
}

// A report is bounded, however much differs: all is counted, what needs a look first is kept, and it says how much is not.
func TestShadowReportIsBoundedAndSaysWhatIsLeftOut(t *testing.T) {
	w, _ := shadow(t)
	b := page.Beside{Source: "pagerduty", From: w.Now().Add(-24 * time.Hour), To: w.Now()}
	for i := range 2300 {
		b.Incidents = append(b.Incidents, page.Theirs{ID: fmt.Sprint("Q", i), Title: "disk", At: b.From.Add(time.Duration(i) * time.Second),
			Told: []page.TheirNotice{{Who: page.Named{Email: "mira@example.org"}, At: b.From.Add(time.Duration(i) * time.Second)}}})
	}
	r, err := w.s.Compare(t.Context(), b, "ines", w.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 2000 || r.LeftOut != 300 || r.OnlyTheirs != 2300 || !strings.Contains(r.Verdict, "2300 only there") || !strings.Contains(r.Markdown(), "300 more were left out") {
		t.Errorf("%d rows, %d left out, %d only there: %s", len(r.Rows), r.LeftOut, r.OnlyTheirs, r.Verdict)
	}
	if kept, err := w.s.LastReport(t.Context()); err != nil || len(kept.Rows) != 2000 || kept.LeftOut != 300 {
		t.Errorf("%d rows, %d left out: %v", len(kept.Rows), kept.LeftOut, err)
	}
}
