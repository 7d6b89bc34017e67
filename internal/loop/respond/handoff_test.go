package respond_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/respond"
)

// A SEV1 in Europe an hour before its people go home: command goes to the Americas when their commander has read the
// document, and not before.
func TestCommandFollowsTheSun(t *testing.T) {
	for _, db := range []func(testing.TB) string{storetest.SQLite, storetest.Postgres} {
		t.Run("", func(t *testing.T) {
			commandFollowsTheSun(t, newStageOn(t, storetest.Open(t, db(t)), "2026-11-27 17:00", regions("")))
		})
	}
}

func commandFollowsTheSun(t *testing.T, g *stage) {
	ctx := t.Context()
	g.fire("g", detect.SEV1, map[string]string{"region": "emea"})
	g.ack("command/INC-1", "ines")
	g.ok(g.s.Assign(ctx, "INC-1", "scribe", "bela", "ines", g.Now()))
	g.ok(g.s.Note(ctx, "INC-1", "ines", "restarted the pool, no change", g.Now()))
	g.heard()
	g.until("17:29")
	g.want("before the notice", g.heard(), "")
	g.until("17:30")
	g.want("told 30 minutes before", g.heard(), "ines kenji")
	h := g.handoff()
	if h.ID != "HO-1" || h.State != respond.Announced || h.From != "ines" || h.To != "kenji" || h.FromRegion != "emea" || h.ToRegion != "americas" || !h.Synchronous || h.Within.D() != 5*time.Minute {
		t.Fatalf("%+v", h)
	}
	d := h.Document
	if !strings.HasPrefix(d.Status, "investigating") || d.Severity != "SEV1" || !slices.Contains(d.Roles, "scribe: bela") || !strings.Contains(d.Broken, "emea") ||
		!slices.ContainsFunc(d.Tried, func(l respond.Line) bool { return strings.Contains(l.Text, "restarted the pool") }) || len(d.Newest) == 0 || d.Cause != "not named yet" {
		t.Errorf("document %+v", d)
	}
	g.ok(g.s.EditDocument(ctx, "HO-1", "is it the pool?", "roll back cart", "ines", g.Now()))
	g.ok(g.s.Note(ctx, "INC-1", "ines", "rolled back cart", g.Now()))

	g.until("18:00")
	g.want("called at the end of coverage", g.heard(), "kenji!")
	if h = g.handoff(); h.State != respond.Due || h.Document.Next != "roll back cart" || !slices.ContainsFunc(h.Document.Tried, func(l respond.Line) bool { return l.Text == "rolled back cart" }) {
		t.Errorf("what was written stays and the timeline is read again: %+v", h.Document)
	}
	g.until("18:01")
	g.ack("handoff/HO-1", "kenji")
	if i := g.incident(); i.Commander != "ines" || g.handoff().AnsweredBy != "kenji" {
		t.Errorf("answering alone passes command: %+v", i)
	}
	g.until("18:05")
	g.want("the global commander hears that it is late", g.heard(), "greta")
	if h = g.handoff(); h.OverdueAt.IsZero() || !h.Overdue(g.Now()) || g.incident().Commander != "ines" {
		t.Errorf("%+v", h)
	}
	if err := g.s.Accept(ctx, "HO-1", "ines", g.Now()); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("the outgoing commander takes it from herself: %v", err)
	}
	if err := g.s.Accept(ctx, "HO-1", "integration:x", g.Now()); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("a program takes command: %v", err)
	}
	g.until("18:06")
	g.ok(g.s.Accept(ctx, "HO-1", "kenji", g.Now()))
	g.want("the outgoing one may go", g.heard(), "ines")
	i := g.incident()
	if i.Commander != "kenji" || i.Command.Region != "americas" || i.Handoff != "" || !i.Command.Until.Equal(time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v", i)
	}
	if err := g.s.Accept(ctx, "HO-1", "kenji", g.Now()); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("accepted twice: %v", err)
	}

	if err := g.s.Ask(ctx, "HO-1", "hm?", "ines", g.Now()); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("asks herself: %v", err)
	}
	g.ok(g.s.Ask(ctx, "HO-1", "what was tried?", "kenji", g.Now()))
	g.want("asked", g.heard(), "ines")
	g.ok(g.s.Reply(ctx, "HO-1", 1, "", true, "ines", g.Now()))
	g.want("answered", g.heard(), "kenji")
	if err := g.s.Reply(ctx, "HO-1", 2, "x", false, "ines", g.Now()); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("%v", err)
	}
	g.until("18:37")
	if err := g.s.Ask(ctx, "HO-1", "and?", "kenji", g.Now()); errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), "18:36") {
		t.Errorf("asked after half an hour: %v", err)
	}
	q, err := g.s.Quality(ctx, g.Now())
	if err != nil || q.Handoffs != 1 || q.Sync.Median.D() != 6*time.Minute || q.Sync.InTime != 0 || q.Lost != 1 || q.LostShare != 1 || q.Questions != 1 || q.Already != 1 {
		t.Errorf("%+v, %v", q, err)
	}

	// The sun goes on: in the night of the Americas APAC is next.
	g.until("01:30")
	g.want("told again", g.heard(), "kenji wei")
	g.calm("g")
	if h := g.handoff(); h.ID != "HO-2" || h.State != respond.Ended || !strings.Contains(h.Reason, "resolved") {
		t.Errorf("an incident that is over needs no handoff: %+v", h)
	}
	g.For(12 * time.Hour)
	g.want("nobody is told any more", g.heard(), "")
}

func TestAsynchronousHandoffIsTakenByAcknowledging(t *testing.T) {
	g := newStage(t, "2026-11-27 17:00", regions(""))
	g.fire("g", detect.SEV2, map[string]string{"region": "emea"})
	g.ack("command/INC-1", "ines")
	g.until("17:30")
	g.heard()
	g.until("18:00")
	g.want("told, not called", g.heard(), "kenji")
	g.until("18:29")
	g.want("and given time", g.heard(), "")
	g.until("18:30")
	g.want("then called", g.heard(), "kenji!")
	g.until("18:40")
	g.want("and the chain after", g.heard(), "tomas!")
	g.ack("handoff/HO-1", "tomas")
	if i, h := g.incident(), g.handoff(); i.Commander != "tomas" || h.AcceptedBy != "tomas" || h.Took() != 40*time.Minute || i.Command.Region != "americas" {
		t.Errorf("%+v %+v", i, h)
	}
}

func TestHandoffThatGetsWorseIsSynchronous(t *testing.T) {
	g := newStage(t, "2026-11-27 17:00", regions(""))
	a := g.fire("g", detect.SEV2, map[string]string{"region": "emea"})
	g.ack("command/INC-1", "ines")
	g.until("17:45")
	a.Severity = detect.SEV1
	g.raise(a)
	g.heard()
	g.until("18:00")
	g.want("called", g.heard(), "kenji!")
	if h := g.handoff(); !h.Synchronous || h.Within.D() != 5*time.Minute {
		t.Errorf("%+v", h)
	}
}

func TestHandoffByHand(t *testing.T) {
	g := newStage(t, "2026-11-27 12:00", regions(""))
	ctx := t.Context()
	over := func(to string, want errs.Code) respond.Handoff {
		t.Helper()
		h, err := g.s.HandOver(ctx, "INC-1", to, "mira", g.Now())
		if errs.CodeOf(err) != want {
			t.Errorf("to %q: %v, want %q", to, err, want)
		}
		g.Settle()
		return h
	}
	over("kenji", errs.NotFound)
	g.fire("g", detect.SEV1, map[string]string{"region": "emea"})
	over("kenji", errs.Conflict)
	g.ok(g.s.Command(ctx, "INC-1", "ines", "mira", g.Now()))
	over("ines", errs.Conflict)
	over("nobody", errs.Invalid)
	g.heard()
	h := over("ada", "")
	g.want("called by name", g.heard(), "ada!")
	if h.State != respond.Due || !h.Named || h.BegunBy != "mira" {
		t.Errorf("%+v", h)
	}
	g.ok(g.s.EndHandoff(ctx, h.ID, "mira", "ada is ill", g.Now()))
	if i := g.incident(); i.Handoff != "" || i.Commander != "ines" {
		t.Errorf("%+v", i)
	}
	if err := g.s.EndHandoff(ctx, h.ID, "mira", "again", g.Now()); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("%v", err)
	}
	h = over("", "")
	g.want("whoever is next", h.To+" "+h.ToRegion, "kenji americas")
	h = over("ada", "")
	g.want("another takes its place", h.ID, "HO-3")
	g.ok(g.s.Accept(ctx, h.ID, "ada", g.Now()))
	if i := g.incident(); i.Commander != "ada" || i.Command.Region != "" {
		t.Errorf("%+v", i)
	}
	g.For(24 * time.Hour)
	g.want("who commands for no region keeps it", g.incident().Commander, "ada")
	hs, err := g.s.Handoffs(ctx, "INC-1", 9)
	if err != nil || len(hs) != 3 || hs[1].State != respond.Ended || hs[2].State != respond.Ended {
		t.Errorf("%+v, %v", hs, err)
	}
}

func TestHandoffFollowsTheCatalogOfTheDay(t *testing.T) {
	g := newStage(t, "2026-11-27 17:00", regions(""))
	g.fire("g", detect.SEV1, map[string]string{"region": "emea"})
	g.ack("command/INC-1", "ines")
	g.heard()
	g.load(strings.Replace(regions(""), `timeZone: Europe/London, coverage: {from: "08:00", to: "18:00"}`, `timeZone: Europe/London, coverage: {from: "08:00", to: "20:00"}`, 1))
	g.until("18:30")
	g.want("the hours are longer now", g.heard(), "")
	g.until("19:30")
	g.want("told before the end", g.heard(), "ines kenji")

	g = newStage(t, "2026-11-27 17:00", regions(""))
	g.fire("g", detect.SEV1, map[string]string{"region": "emea"})
	g.ack("command/INC-1", "ines")
	g.heard()
	g.load(strings.Replace(regions(""), "members: [kenji]", "members: [ines]", 1))
	g.until("18:30")
	g.want("who is also on duty next is told nothing", g.heard(), "")
	if i := g.incident(); i.Commander != "ines" || i.Command.Region != "americas" {
		t.Errorf("%+v", i)
	}
}

func TestReopenedIncidentIsCommandedByWhoIsOnDuty(t *testing.T) {
	g := newStage(t, "2026-11-27 17:00", regions(""))
	g.fire("g", detect.SEV1, map[string]string{"region": "emea"})
	g.ack("command/INC-1", "ines")
	g.calm("g")
	g.For(10 * time.Minute)
	g.heard()
	g.fire("g", detect.SEV1, map[string]string{"region": "emea"})
	g.want("ines is still there", g.heard()+" "+g.incident().Commander, "ines mira! ines")
	g.until("17:30")
	g.want("and hands over", g.heard(), "ines kenji")
	g.calm("g")
	g.until("19:00")
	g.heard()
	g.fire("g", detect.SEV1, map[string]string{"region": "emea"})
	g.want("ines is at home", g.heard()+" "+g.incident().Commander, "kenji! mira! ")
}

func TestQualityOfHandoffs(t *testing.T) {
	at := func(m int) time.Time { return time.Date(2026, 11, 27, 18, m, 0, 0, time.UTC) }
	h := func(sync bool, within, took int, already ...bool) respond.Handoff {
		out := respond.Handoff{State: respond.Accepted, Synchronous: sync, DueAt: at(10), AcceptedAt: at(10 + took), Within: catalog.Duration(time.Duration(within) * time.Minute)}
		for _, a := range already {
			out.Questions = append(out.Questions, respond.Question{Already: a})
		}
		return out
	}
	rules := (&catalog.Catalog{}).Handoff()
	f := func(want string, hs ...respond.Handoff) {
		t.Helper()
		q := respond.Measure(hs, rules, at(50))
		got := strings.Join([]string{q.Sync.Median.String(), itoa(q.Sync.InTime, q.Sync.Handoffs), q.Async.Median.String(), itoa(q.Async.InTime, q.Async.Handoffs),
			"questions", itoa(q.Already, q.Questions), "lost", itoa(q.Lost, q.Handoffs), "ended", itoa(q.Ended), "late", itoa(q.OverdueOpen, q.Unfinished)}, " ")
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("0s 0/0 0s 0/0 questions 0/0 lost 0/0 ended 0 late 0/0")
	f("4m 1/1 0s 0/0 questions 0/0 lost 0/1 ended 0 late 0/0", h(true, 5, 4))
	f("0s 1/1 0s 0/0 questions 0/0 lost 0/1 ended 0 late 0/0", h(true, 5, -4))
	f("5m 2/3 30m 1/2 questions 2/3 lost 1/5 ended 0 late 0/0", h(true, 5, 5), h(true, 5, 6), h(true, 5, 1, true, true), h(false, 30, 20, false), h(false, 30, 40))
	f("0s 0/0 0s 0/0 questions 0/0 lost 0/0 ended 1 late 1/3", respond.Handoff{State: respond.Ended},
		respond.Handoff{State: respond.Announced, DueAt: at(0)}, respond.Handoff{State: respond.Due, DueAt: at(45), Within: catalog.Duration(5*time.Minute + 1)}, respond.Handoff{State: respond.Due, DueAt: at(45), Within: catalog.Duration(5 * time.Minute)})
}

func itoa(ns ...int) string {
	var out []string
	for _, n := range ns {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, "/")
}

// Where no coverage ends, command is handed over when the commander's shift does: of a region around the clock, of the global
// commander, and in a catalog without regions.
func TestCommandIsHandedOverAtTheShiftChange(t *testing.T) {
	shifts := func(text, schedule string) string {
		i := strings.Index(text, "metadata: {name: "+schedule)
		return text[:i] + strings.Replace(text[i:], "{start: 2026-01-05, members: [", "{start: \"2026-01-05T14:00\", turn: 1d, members: [bela, ", 1)
	}
	around := regexp.MustCompile(`coverage: \{from: "08:00", to: "18:00"\}, serves: \[eu-west-1\]`).ReplaceAllString(shifts(regions(""), "emea-ic"), `coverage: {from: "00:00", to: "00:00"}, serves: [eu-west-1]`)
	alone := shifts(onePolicy+`---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: chief, labels: {role: commander}}
spec: {start: 2026-01-05, members: [greta], noticeBefore: 0s}
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: greta}
spec: {contacts: [{channel: email, address: greta@example.org}]}
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: bela}
spec: {contacts: [{channel: email, address: bela@example.org}]}
`, "chief")
	for name, c := range map[string]struct {
		text, region string
		fire         []string
	}{
		"around the clock": {around, "emea", []string{"eu-west-1"}},
		"global":           {shifts(regions(""), "global-ic"), "", []string{"eu-west-1", "us-west-2"}},
		"no regions":       {alone, "", []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newStage(t, "2026-11-27 12:00", c.text)
			for _, l := range c.fire {
				g.fire("g", detect.SEV2, map[string]string{"region": l})
			}
			i := g.incident()
			if i.Command.Calling == nil {
				t.Fatalf("%+v", i)
			}
			was := i.Command.Calling.People[len(i.Command.Calling.People)-1]
			g.ack("command/INC-1", was)
			i = g.incident()
			end := time.Date(2026, 11, 27, 14, 0, 0, 0, time.UTC)
			if i.Commander != was || i.Command.Region != c.region || !i.Command.Until.Equal(end) {
				t.Fatalf("%s: %+v", i.Commander, i.Command)
			}
			g.until("13:29")
			g.want("handoffs", len(g.Facts(respond.KindHandoffAnnounced)), 0)
			g.until("13:30")
			h := g.handoff()
			if h.From != was || h.To == was || h.To == "" || !h.DueAt.Equal(end) {
				t.Fatalf("%+v", h)
			}
			g.until("14:05")
			g.ok(g.s.Accept(t.Context(), h.ID, h.To, g.Now()))
			i = g.incident()
			if i.Commander != h.To || !i.Command.Until.Equal(end.Add(24*time.Hour)) {
				t.Errorf("%s: %+v", i.Commander, i.Command)
			}
		})
	}
}
