package respond_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
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

// regions is a catalog whose commanders follow the sun: the Americas from 16 to 02, EMEA from 08 to 18 and APAC from 00 to
// 10, all in UTC of November.
func regions(more string) string {
	var b strings.Builder
	doc := func(kind, meta, spec string) {
		fmt.Fprintf(&b, "apiVersion: nightkeeper/v1\nkind: %s\nmetadata: %s\nspec: %s\n---\n", kind, meta, spec)
	}
	for _, p := range []string{"mira", "ines", "tomas", "kenji", "wei", "greta", "ada", "bela"} {
		doc("Person", "{name: "+p+"}", "{contacts: [{channel: email, address: "+p+"@example.org}]}")
	}
	for name, who := range map[string]string{"oncall": "mira", "emea-ic": "ines", "americas-ic": "kenji", "apac-ic": "wei", "global-ic": "greta", "dba": "ada"} {
		doc("Schedule", "{name: "+name+"}", "{start: 2026-01-05, members: ["+who+"], noticeBefore: 0s}")
	}
	doc("EscalationPolicy", "{name: default}", "{loops: 1, steps: [{targets: [{schedule: oncall}]}], hold: {SEV1: 0s, SEV2: 0s, SEV3: 0s}}")
	for _, r := range [][3]string{{"americas", "America/Los_Angeles", "us-west-2"}, {"emea", "Europe/London", "eu-west-1"}, {"apac", "Asia/Singapore", "ap-1"}} {
		doc("Region", "{name: "+r[0]+"}", "{timeZone: "+r[1]+", coverage: {from: \"08:00\", to: \"18:00\"}, serves: ["+r[2]+
			"], chain: [{role: commander, schedule: "+r[0]+"-ic}, {role: deputy, person: tomas}, {role: global, schedule: global-ic}]}")
	}
	doc("Role", "{name: database-sme}", "{schedule: dba}")
	return b.String() + more
}

// call is a channel that remembers who was told what.
type call struct{ said []page.Message }

func (c *call) Name() string { return "email" }

func (c *call) Send(_ context.Context, m page.Message) (string, error) {
	c.said = append(c.said, m)
	return "", nil
}

// stage is page and respond on one store, driven by hand.
type stage struct {
	*storetest.Driver
	t    *testing.T
	page *page.Service
	s    *respond.Service
	mail *call
	cat  *catalog.Catalog
	n    int
}

func newStage(t *testing.T, at, text string) *stage {
	return newStageOn(t, storetest.Open(t, storetest.SQLite(t)), at, text)
}

func newStageOn(t *testing.T, db *store.DB, at, text string) *stage {
	t.Helper()
	now, err := time.Parse("2006-01-02 15:04", at)
	if err != nil {
		t.Fatal(err)
	}
	g := &stage{Driver: storetest.NewDriver(t, db, now), t: t, mail: &call{}}
	g.load(text)
	cat, log := func() *catalog.Catalog { return g.cat }, slog.New(slog.DiscardHandler)
	g.page = page.New(page.Config{Store: db.Page(), Catalog: cat, Channels: []page.Channel{g.mail}, BaseURL: func() string { return "https://nk.example.org" }, Key: []byte("k"), Now: g.Now, Log: log})
	g.s = respond.New(respond.Config{Store: db.Respond(), Catalog: cat, Graph: graph.New(), Telemetry: blind{},
		Deploys: func(context.Context, time.Time) ([]observe.Deploy, error) { return nil, errors.New("no") }, Now: g.Now, Log: log})
	storetest.Follow(g.Driver, "page", g.page.Follows())
	storetest.Follow(g.Driver, "respond", g.s.Follows())
	storetest.Timers(g.Driver, g.page.Timers())
	storetest.Timers(g.Driver, g.s.Timers())
	g.Tasks(g.page.Tasks())
	g.Tasks(g.s.Tasks())
	return g
}

func (g *stage) load(text string) {
	g.t.Helper()
	c, ps := catalog.Load(fstest.MapFS{"a.yaml": {Data: []byte(text)}})
	for _, p := range catalog.Errors(ps) {
		g.t.Error(p)
	}
	g.cat = c
}

// fire is an alert of another system, of whose service nothing is diagnosed.
func (g *stage) fire(group string, sev detect.Severity, labels map[string]string) detect.Alert {
	g.t.Helper()
	g.n++
	a := detect.Alert{ID: detect.AlertID(fmt.Sprint("al_", g.n)), Source: "webhook", Title: "checkout is down", Group: detect.GroupID(group), Severity: sev, Labels: labels, Reason: "it says so", FiredAt: g.Now()}
	g.raise(a)
	return a
}

func (g *stage) raise(a detect.Alert) {
	g.t.Helper()
	g.Append(event.New(detect.KindFired, g.Now(), event.System, string(a.ID), "", detect.Fired{Alert: a}))
	g.Settle()
}

func (g *stage) calm(group string) {
	g.t.Helper()
	g.Append(event.New(detect.KindGroupCalm, g.Now(), event.System, group, "", detect.GroupCalm{Group: detect.GroupID(group)}))
	g.Settle()
}

func (g *stage) until(clock string) {
	g.t.Helper()
	at, err := time.Parse("15:04", clock)
	if err != nil {
		g.t.Fatal(err)
	}
	n := g.Now()
	next := time.Date(n.Year(), n.Month(), n.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	if next.Before(n) {
		next = next.AddDate(0, 0, 1)
	}
	g.Until(next)
}

// ack acknowledges the live page of a group.
func (g *stage) ack(group, by string) {
	g.t.Helper()
	p, err := g.page.Of(g.t.Context(), detect.GroupID(group))
	if err == nil {
		_, err = g.page.Ack(g.t.Context(), p.ID, by, g.Now())
	}
	if err != nil {
		g.t.Fatalf("%s: %v", group, err)
	}
	g.Settle()
}

func (g *stage) incident() respond.Incident {
	g.t.Helper()
	i, err := g.s.Get(g.t.Context(), "INC-1")
	if err != nil {
		g.t.Fatal(err)
	}
	return i
}

func (g *stage) handoff() respond.Handoff {
	g.t.Helper()
	hs, err := g.s.Handoffs(g.t.Context(), "INC-1", 1)
	if err != nil || len(hs) == 0 {
		g.t.Fatalf("%d handoffs, %v", len(hs), err)
	}
	return hs[0]
}

func (g *stage) ok(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
	g.Settle()
}

// heard returns who was told since the last time it was asked, calls marked with an exclamation mark.
func (g *stage) heard() string {
	var out []string
	for _, m := range g.mail.said {
		name := m.Person
		if !m.Notice {
			name += "!"
		}
		out = append(out, name)
	}
	g.mail.said = nil
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (g *stage) want(what string, got, want any) {
	g.t.Helper()
	if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b {
		g.t.Errorf("%s: %s, want %s", what, a, b)
	}
}

func TestCommanderOfTheRegionIsCalledWhenPeopleAreTold(t *testing.T) {
	g := newStage(t, "2026-11-27 12:00", regions(""))
	g.fire("g", detect.SEV1, map[string]string{"region": "eu-west-1"})
	g.want("told", g.heard(), "ines! mira!")
	i := g.incident()
	if i.Commander != "" || i.Command.Calling == nil || !slices.Equal(i.Command.Calling.People, []string{"ines"}) || !slices.Equal(i.Regions, []string{"emea"}) {
		t.Fatalf("%+v", i)
	}
	g.ack("g", "mira")
	g.want("the on-call who acknowledges does not command", g.incident().Commander, "")
	g.For(10 * time.Minute)
	g.want("then the deputy", g.heard(), "tomas!")
	g.For(5 * time.Minute)
	g.want("and the global commander within 15 minutes", g.heard(), "greta!")
	g.want("called so far", g.incident().Command.Calling.People, []string{"ines", "tomas", "greta"})
	g.ack("command/INC-1", "tomas")
	i = g.incident()
	if i.Commander != "tomas" || i.Command.Calling != nil || i.Command.Region != "emea" || !i.Command.Until.Equal(time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", i.Command)
	}
	var said []string
	for _, e := range g.Facts(respond.KindCalled, respond.KindCommander) {
		said = append(said, e.Text)
	}
	g.want("the timeline says", strings.Join(said, "\n"), `calling ines to take command: it hits emea, which is within its hours
calling tomas to take command: it hits emea, which is within its hours
calling greta to take command: it hits emea, which is within its hours
tomas has command: answered the call`)
	g.calm("g")
	if live, err := g.page.Live(t.Context()); err != nil || len(live) != 0 {
		t.Errorf("calls end with the incident: %+v, %v", live, err)
	}
}

func TestPageThatARunbookEndsWakesNoCommander(t *testing.T) {
	g := newStage(t, "2026-11-27 12:00", regions(""))
	g.cat.Policies["default"].Hold = map[string]catalog.Duration{"SEV1": catalog.Duration(2 * time.Minute)}
	g.cat.Runbooks["r"] = &catalog.Runbook{Risk: catalog.Low, Triggers: []catalog.Trigger{{Cause: "retry_storm"}}}
	g.cat.SLOs["slo"] = &catalog.SLO{Meta: catalog.Meta{Name: "slo"}, Service: "checkout"}
	g.raise(detect.Alert{ID: "al", SLO: "slo", Service: "checkout", Group: "g", Severity: detect.SEV1, FiredAt: g.Now()})
	g.For(time.Minute)
	g.calm("g")
	g.For(time.Hour)
	g.want("told", g.heard(), "")
	if i := g.incident(); i.Open() || i.Command.Calling != nil {
		t.Errorf("%+v", i)
	}
}

func TestIncidentThatGetsWorseOrGrowsCalls(t *testing.T) {
	g := newStage(t, "2026-11-27 12:00", regions(""))
	a := g.fire("g", detect.SEV3, map[string]string{"region": "eu-west-1"})
	g.want("SEV3 needs no commander", g.heard(), "mira!")
	g.ack("g", "mira")
	g.want("who acknowledges first commands it", g.incident().Commander, "mira")
	a.Severity = detect.SEV2
	g.raise(a)
	g.want("it has a commander", g.heard(), "")
	g.fire("g", detect.SEV2, map[string]string{"region": "ap-1"})
	g.want("several regions are the global commander's", g.heard(), "greta!")
	g.fire("g", detect.SEV2, map[string]string{"region": "us-west-2"})
	g.want("who is called once", g.heard(), "")
	g.want("until she answers", g.incident().Commander, "mira")
	g.ack("command/INC-1", "greta")
	i := g.incident()
	if i.Commander != "greta" || i.Command.Region != "" || !strings.Contains(i.Command.Reason, "apac and emea") {
		t.Errorf("%+v", i)
	}

	g = newStage(t, "2026-11-27 12:00", regions(""))
	a = g.fire("g", detect.SEV3, map[string]string{"region": "eu-west-1"})
	g.heard()
	a.Severity = detect.SEV1
	g.raise(a)
	g.want("worse, and nobody has command", g.heard(), "ines!")
	g.fire("g", detect.SEV1, map[string]string{"region": "ap-1"})
	g.want("the call of the region is replaced", g.heard(), "greta!")
	if live, err := g.page.Live(t.Context()); err != nil || len(live) != 2 {
		t.Errorf("%d pages, %v", len(live), err)
	}
}

func TestCatalogWithoutRegionsCallsItsCommander(t *testing.T) {
	g := newStage(t, "2026-11-27 12:00",
		"apiVersion: nightkeeper/v1\nkind: Person\nmetadata: {name: ines}\nspec: {contacts: [{channel: email, address: i@example.org}]}\n---\n"+
			"apiVersion: nightkeeper/v1\nkind: Schedule\nmetadata: {name: chiefs, labels: {role: commander}}\nspec: {start: 2026-01-05, members: [ines]}\n---\n"+
			"apiVersion: nightkeeper/v1\nkind: EscalationPolicy\nmetadata: {name: default}\nspec: {steps: [{targets: [{person: ines}]}]}\n")
	g.fire("g", detect.SEV2, nil)
	g.want("told of both", g.heard(), "ines! ines!")
	g.ack("command/INC-1", "ines")
	g.want("commander", g.incident().Commander, "ines")
	g.For(48 * time.Hour)
	if hs, err := g.s.Handoffs(t.Context(), "", 9); err != nil || len(hs) != 0 {
		t.Errorf("without regions nothing is handed over by itself: %+v, %v", hs, err)
	}
}

func TestRolesAreGivenAndCalled(t *testing.T) {
	g := newStage(t, "2026-11-27 12:00", regions(""))
	g.fire("g", detect.SEV1, nil)
	g.heard()
	f := func(what string, err error, want errs.Code) {
		t.Helper()
		if errs.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
		g.Settle()
	}
	ctx := t.Context()
	f("a scribe", g.s.Assign(ctx, "INC-1", "scribe", "bela", "mira", g.Now()), "")
	f("the same", g.s.Assign(ctx, "INC-1", "scribe", "bela", "mira", g.Now()), "")
	f("another", g.s.Assign(ctx, "INC-1", "scribe", "wei", "mira", g.Now()), "")
	f("no role", g.s.Assign(ctx, "INC-1", "boss", "bela", "mira", g.Now()), errs.Invalid)
	f("nobody", g.s.Assign(ctx, "INC-1", "scribe", "nobody", "mira", g.Now()), errs.Invalid)
	f("no incident", g.s.Assign(ctx, "INC-9", "scribe", "bela", "mira", g.Now()), errs.NotFound)
	f("a call of nothing", g.s.CallRole(ctx, "INC-1", "scribe", "mira", g.Now()), errs.Invalid)
	f("a call", g.s.CallRole(ctx, "INC-1", "database-sme", "mira", g.Now()), "")
	g.want("who is called", g.heard(), "ada!")
	f("a second call", g.s.CallRole(ctx, "INC-1", "database-sme", "mira", g.Now()), errs.Conflict)
	i := g.incident()
	if len(i.Roles) != 2 || i.Roles[0].Person != "wei" || !slices.Equal(i.Roles[1].Calling, []string{"ada"}) {
		t.Errorf("%+v", i.Roles)
	}
	g.ack("role/INC-1/database-sme", "ada")
	if i := g.incident(); i.Roles[1].Person != "ada" || i.Roles[1].Calling != nil || i.Commander != "" {
		t.Errorf("%+v", i.Roles)
	}
	f("called again", g.s.CallRole(ctx, "INC-1", "database-sme", "mira", g.Now()), "")
	g.want("who is called", g.heard(), "ada!")
	f("given meanwhile", g.s.Assign(ctx, "INC-1", "database-sme", "bela", "mira", g.Now()), "")
	if _, err := g.page.Of(ctx, "role/INC-1/database-sme"); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("the call goes on: %v", err)
	}
	f("commander", g.s.Assign(ctx, "INC-1", "commander", "ines", "mira", g.Now()), "")
	if i := g.incident(); i.Commander != "ines" || i.Command.Calling != nil || i.Command.Region != "emea" {
		t.Errorf("%+v", i.Command)
	}
	g.want("roles said", len(g.Facts(respond.KindRole)), 4)
	g.calm("g")
	f("too late", g.s.Assign(ctx, "INC-1", "scribe", "bela", "mira", g.Now()), errs.Conflict)
	if live, err := g.page.Live(ctx); err != nil || len(live) != 0 {
		t.Errorf("%+v, %v", live, err)
	}
}

// It comes and goes: who took command once is told each time and called no more, unless it is worse.
func TestIncidentThatFlapsCallsItsCommanderOnce(t *testing.T) {
	for _, where := range []string{"emea", ""} { // by region, or the global commander
		g := newStage(t, "2026-11-27 12:00", regions(""))
		ic, labels := "ines", map[string]string{"region": "eu-west-1"}
		if where == "" {
			g.cat.Regions = nil
			g.cat.Policies[catalog.PolicyCommand] = g.cat.Policies[catalog.PolicyGlobal]
			ic, labels = "greta", nil
		}
		flap := func(sev detect.Severity) string {
			g.calm("g")
			g.For(time.Minute)
			g.heard()
			g.fire("g", sev, labels)
			return g.heard()
		}
		g.fire("g", detect.SEV2, labels)
		g.want("at first", g.heard(), ic+"! mira!")
		g.want("nobody took it", flap(detect.SEV2), ic+"! mira!")
		g.ack("command/INC-1", ic)
		for n := 2; n < 5; n++ {
			g.want("told", flap(detect.SEV2), ic+" mira!")
			i := g.incident()
			g.want("has it", i.Commander, ic)
			g.want("came back", i.Reopened, n)
		}
		g.want("worse", flap(detect.SEV1), ic+"! mira!")
	}
}
