package page

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
)

var t0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

func minutes(n int) catalog.Duration { return catalog.Duration(time.Duration(n) * time.Minute) }

func people(names ...string) map[string]*catalog.Person {
	out := map[string]*catalog.Person{}
	for _, n := range names {
		out[n] = &catalog.Person{Meta: catalog.Meta{Name: n}}
	}
	return out
}

func step(after int, targets ...catalog.Target) catalog.Step {
	return catalog.Step{After: minutes(after), Targets: targets}
}

func person(n string) catalog.Target   { return catalog.Target{Person: n} }
func schedule(n string) catalog.Target { return catalog.Target{Schedule: n} }
func team(n string) catalog.Target     { return catalog.Target{Team: n} }

func nightCatalog(steps ...catalog.Step) *catalog.Catalog {
	return &catalog.Catalog{
		People: people("mira", "tomas", "ines", "zoe"),
		Schedules: map[string]*catalog.Schedule{
			"night": {Meta: catalog.Meta{Name: "night"}, TimeZone: "UTC", Start: "2026-11-01", Turn: catalog.Every(24 * time.Hour), Members: catalog.Crews("mira")},
		},
		Teams:    map[string]*catalog.Team{"ops": {Members: []string{"tomas", "ines", "gone"}}, "empty": {}},
		Policies: map[string]*catalog.EscalationPolicy{"p": {Meta: catalog.Meta{Name: "p"}, Steps: steps, Loops: 2}},
	}
}

func TestEscalationTakesStepsInOrderThenLoopsThenIsExhausted(t *testing.T) {
	c := nightCatalog(step(0, schedule("night")), step(5, team("ops")), step(10, person("ines"), schedule("night")))
	p := Page{Policy: "p", State: Open}
	type row struct {
		people string
		wait   time.Duration
	}
	want := []row{
		{"mira", 5 * time.Minute}, {"tomas ines", 10 * time.Minute}, {"ines mira", lastWait},
		{"mira", 5 * time.Minute}, {"tomas ines", 10 * time.Minute}, {"ines mira", lastWait},
	}
	for i, w := range want {
		esc := escalate(p, c, t0)
		if got := strings.Join(esc.people, " "); got != w.people || esc.wait != w.wait || esc.exhausted {
			t.Errorf("step %d: %q after which %s (exhausted %v), want %q, %s", i, got, esc.wait, esc.exhausted, w.people, w.wait)
		}
		p = esc.next
	}
	if esc := escalate(p, c, t0); !esc.exhausted || len(esc.people) > 0 || !strings.Contains(esc.reason, "2 loops without an answer") {
		t.Errorf("at the end: %+v", esc)
	}
}

func TestEscalationPassesOverStepsThatFindNobody(t *testing.T) {
	c := nightCatalog(step(0, team("empty")), step(5, person("gone")), step(7, person("zoe")))
	esc := escalate(Page{Policy: "p"}, c, t0)
	if !slices.Equal(esc.people, []string{"zoe"}) || esc.wait != lastWait || esc.next.Loop != 1 {
		t.Errorf("%+v", esc)
	}
}

func TestEscalationThatFindsNobodyAtAllTellsEverybody(t *testing.T) {
	everyone := []string{"ines", "mira", "tomas", "zoe"}
	esc := escalate(Page{Policy: "p"}, nightCatalog(step(0, team("empty"))), t0)
	if !slices.Equal(esc.people, everyone) || esc.exhausted {
		t.Errorf("no step finds anybody: %+v", esc)
	}
	esc = escalate(Page{Policy: "not there"}, nightCatalog(step(0, person("mira"))), t0)
	if !slices.Equal(esc.people, everyone) {
		t.Errorf("no policy: %+v", esc)
	}
}

// A policy may be made shorter by a reload while its page is open.
func TestEscalationGoesOnWhenThePolicyWasShortened(t *testing.T) {
	c := nightCatalog(step(0, person("mira")), step(5, person("tomas")))
	esc := escalate(Page{Policy: "p", Step: 2}, c, t0)
	if !slices.Equal(esc.people, []string{"mira"}) || esc.next.Loop != 1 || esc.next.Step != 1 {
		t.Errorf("%+v", esc)
	}
	if esc := escalate(Page{Policy: "p", Step: 7, Loop: 1}, c, t0); !esc.exhausted {
		t.Errorf("in the last loop: %+v", esc)
	}
}

func TestFirstStepsWaitIsThePauseBetweenLoops(t *testing.T) {
	c := nightCatalog(step(15, person("mira")))
	if esc := escalate(Page{Policy: "p"}, c, t0); esc.wait != 15*time.Minute {
		t.Errorf("%+v", esc)
	}
}

func TestContactsAreTheInboxAndWhatIsDeclared(t *testing.T) {
	got := contactsOf(&catalog.Person{Contacts: []catalog.Contact{{Channel: "email", Address: "a@b"}, {Channel: "inbox"}, {Channel: "webhook", Address: "http://x"}}})
	want := []catalog.Contact{{Channel: "inbox"}, {Channel: "email", Address: "a@b"}, {Channel: "webhook", Address: "http://x"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}
