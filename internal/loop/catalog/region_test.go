package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const people = `apiVersion: nightkeeper/v1
kind: Person
metadata: {name: ines}
spec: {contacts: [{channel: email, address: ines@example.org}]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: west}
spec: {start: 2026-01-05, members: [ines]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: world}
spec: {start: 2026-01-05, members: [ines]}
---
`

func regionDoc(name, zone, from, to, more, chain string) string {
	return fmt.Sprintf("apiVersion: nightkeeper/v1\nkind: Region\nmetadata: {name: %s}\nspec:\n  timeZone: %s\n  coverage: {from: %q, to: %q%s}\n  serves: [%s-1, %s-2]\n  chain: [%s]\n---\n",
		name, zone, from, to, more, name, name, chain)
}

const threeRungs = "{role: commander, schedule: west}, {role: deputy, person: ines, timeout: 10 minutes}, {role: global, schedule: world, timeout: 15m}"

// world is the catalog of three regions that follow the sun.
func world(t *testing.T, more, chain string) *Catalog {
	t.Helper()
	c, ps := load(map[string]string{"a.yaml": people +
		regionDoc("americas", "America/Los_Angeles", "08:00", "18:00", more, chain) +
		regionDoc("emea", "Europe/London", "08:00", "18:00", more, chain) +
		regionDoc("apac", "Asia/Singapore", "08:00", "18:00", more, chain)})
	if bad := Errors(ps); len(bad) > 0 {
		t.Fatal(bad)
	}
	return c
}

func TestDutyIsOfTheRegionThatIsHitAndAwake(t *testing.T) {
	c := world(t, "", threeRungs)
	f := func(at, affected, want, why string) {
		t.Helper()
		now, err := time.Parse("2006-01-02 15:04", at)
		if err != nil {
			t.Fatal(err)
		}
		d := c.Duty(strings.Fields(affected), now)
		policy := PolicyGlobal
		if want != "" {
			policy = RegionPolicy(want)
		}
		if d.Region != want || d.Policy != policy || !strings.Contains(d.Reason, why) {
			t.Errorf("%s %q: %+v, want %q because %q", at, affected, d, want, why)
		}
		if want != "" && !d.Until.After(now) {
			t.Errorf("%s %q: until %s", at, affected, d.Until)
		}
	}
	// Winter: the Americas 16 to 02, EMEA 08 to 18, APAC 00 to 10, all UTC.
	f("2026-11-25 12:00", "", "emea", "no alert says")
	f("2026-11-25 12:00", "emea-1", "emea", "it hits emea, which is within its hours")
	f("2026-11-25 12:00", "EMEA-2 emea", "emea", "it hits emea")
	f("2026-11-25 12:00", "nowhere", "emea", "no alert says")
	f("2026-11-25 12:00", "apac-1", "emea", "it hits apac, which is outside its hours")
	f("2026-11-25 12:00", "apac-1 emea-1", "", "it hits apac and emea")
	f("2026-11-25 12:00", "apac-1 emea-1 americas-1", "", "americas, apac and emea")
	f("2026-11-25 17:00", "", "americas", "americas has most time left")
	f("2026-11-25 17:00", "emea", "emea", "within its hours")
	f("2026-11-25 18:00", "emea", "americas", "outside its hours")
	f("2026-11-25 01:00", "", "apac", "most time left")
	f("2026-11-25 01:00", "americas-2", "americas", "within its hours")
	f("2026-11-25 02:00", "americas-2", "apac", "outside its hours")
	// London's clocks went back on 25 October at 01:00 UTC, Los Angeles' on 1 November at 09:00 UTC.
	f("2026-10-24 17:30", "emea", "americas", "outside its hours") // 18:30 in London's summer
	f("2026-10-25 17:30", "emea", "emea", "within its hours")      // 17:30 in its winter
	f("2026-10-25 08:30", "emea", "emea", "within its hours")
	f("2026-10-25 07:30", "emea", "apac", "outside its hours")
	f("2026-10-31 15:30", "americas", "americas", "within its hours") // 08:30 in Los Angeles' summer
	f("2026-11-01 15:30", "americas", "emea", "outside its hours")    // 07:30 in its winter
	f("2027-03-14 15:30", "americas", "americas", "within its hours") // its clocks went forward at 10:00 UTC

	week := world(t, ", days: [mon, tue, wed, thu, fri]", threeRungs)
	if d := week.Duty([]string{"emea"}, time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)); d.Region != "" || d.Policy != PolicyGlobal || d.Reason != "no region is within its hours" {
		t.Errorf("on a Saturday: %+v", d)
	}
	alone := world(t, ", days: [mon, tue, wed, thu, fri]", "{role: commander, schedule: west}")
	if d := alone.Duty(nil, time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)); d.Region != "apac" || !strings.Contains(d.Reason, "on duty next") {
		t.Errorf("without a global commander the next region is woken: %+v", d)
	}
	if d := alone.Duty([]string{"apac", "emea"}, time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)); d.Region != "emea" || d.Policy == "" {
		t.Errorf("without a global commander somebody who is awake has it: %+v", d)
	}
	if d := (&Catalog{}).Duty(nil, time.Now()); d.Policy != "" || d.Region != "" {
		t.Errorf("an empty catalog: %+v", d)
	}
}

func TestChainBecomesAPolicyThatReachesTheGlobalCommanderInTime(t *testing.T) {
	f := func(chain string, want ...string) {
		t.Helper()
		c := world(t, "", chain)
		p := c.Policies[RegionPolicy("emea")]
		var got []string
		at := time.Duration(0)
		for i, s := range p.Steps {
			if i > 0 {
				at += s.After.D()
			}
			line := at.String()
			for _, x := range s.Targets {
				line += " " + x.Schedule + x.Person
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) || p.Steps[0].After.D() <= 0 {
			t.Errorf("%s\ngot  %q\nwant %q", chain, got, want)
		}
	}
	f(threeRungs, "0s west", "10m0s ines", "15m0s world")
	f("{role: commander, schedule: west}", "0s west")
	f("{role: commander, schedule: west, timeout: 5m}, {role: deputy, person: ines, timeout: 5m}, {role: global, schedule: world}", "0s west", "5m0s ines", "10m0s world")
	f("{role: commander, schedule: west, timeout: 15m}, {role: deputy, person: ines}, {role: global, schedule: world}", "0s west", "15m0s ines world")
	f("{role: commander, schedule: west, timeout: 20m}, {role: deputy, person: ines}, {role: global, schedule: world}", "0s west", "15m0s world", "20m0s ines")
	f("{role: global, schedule: world}", "0s world")
}

func TestPoliciesOfCommandAreForNobodysServices(t *testing.T) {
	const service = "apiVersion: nightkeeper/v1\nkind: EscalationPolicy\nmetadata: {name: only}\nspec: {steps: [{targets: [{person: ines}]}]}\n---\n"
	c, ps := load(map[string]string{"a.yaml": people + service +
		"apiVersion: nightkeeper/v1\nkind: Schedule\nmetadata: {name: chiefs, labels: {role: commander}}\nspec: {start: 2026-01-05, members: [ines]}\n---\n" +
		"apiVersion: nightkeeper/v1\nkind: Role\nmetadata: {name: database-sme}\nspec: {schedule: world}\n"})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	if p := c.PolicyFor("checkout"); p == nil || p.Name != "only" {
		t.Errorf("the only policy that somebody declared: %+v", p)
	}
	if p := c.Policies[PolicyCommand]; p == nil || p.Steps[0].Targets[0].Schedule != "chiefs" {
		t.Errorf("a schedule labelled role: commander is called: %+v", p)
	}
	if p := c.Policies[RolePolicy("database-sme")]; p == nil || p.Steps[0].Targets[0].Role != "database-sme" {
		t.Errorf("a role can be called: %+v", p)
	}
}
func TestHandoffHasItsUsualTimes(t *testing.T) {
	c := world(t, "", threeRungs)
	if h := c.Handoff(); h.NoticeBefore.D() != 30*time.Minute || h.SyncWithin.D() != 5*time.Minute || !slices.Equal(h.Synchronous, []string{"SEV1"}) {
		t.Errorf("%+v", h)
	}
	c, ps := load(map[string]string{"a.yaml": people + "apiVersion: nightkeeper/v1\nkind: Handoff\nmetadata: {name: ours}\nspec: {noticeBefore: 10s, synchronous: [SEV1, SEV2]}\n"})
	if h := c.Handoff(); len(ps) > 0 || h.NoticeBefore.D() != 10*time.Second || len(h.Synchronous) != 2 || h.AsyncWithin.D() != 30*time.Minute {
		t.Errorf("%v %+v", ps, h)
	}
}

func TestHoursEndWhenNoWindowFollows(t *testing.T) {
	f := func(h Hours, at, want string) {
		t.Helper()
		now, _ := time.Parse("2006-01-02 15:04", at)
		got := ""
		if u := h.Until(now); !u.IsZero() {
			got = u.UTC().Format("2006-01-02 15:04")
		}
		if got != want {
			t.Errorf("%+v at %s: %q, want %q", h, at, got, want)
		}
	}
	f(Hours{From: "08:00", To: "18:00"}, "2026-11-25 12:00", "2026-11-25 18:00")
	f(Hours{From: "08:00", To: "18:00"}, "2026-11-25 18:00", "")
	f(Hours{From: "22:00", To: "06:00"}, "2026-11-25 23:00", "2026-11-26 06:00")
	f(Hours{From: "00:00", To: "00:00"}, "2026-11-25 12:00", "")
	f(Hours{From: "00:00", To: "00:00", Days: []string{"wed", "thu"}}, "2026-11-25 12:00", "2026-11-27 00:00")
	f(Hours{From: "x", To: "00:00"}, "2026-11-25 12:00", "")
}

func TestRoleIsAskedWhereItIsDay(t *testing.T) {
	c := &Catalog{Regions: world(t, "", threeRungs).Regions, Roles: map[string]*Role{
		"db": {Regions: map[string]string{"americas": "a", "emea": "e", "apac": "p"}}, "one": {Schedule: "s"}}}
	f := func(role string, hour int, want ...string) {
		t.Helper()
		if got := c.SchedulesOf(role, time.Date(2026, 11, 25, hour, 0, 0, 0, time.UTC)); !slices.Equal(got, want) {
			t.Errorf("%s at %d: %v, want %v", role, hour, got, want)
		}
	}
	f("db", 12, "e", "a", "p")
	f("db", 17, "a", "e", "p")
	f("db", 3, "p", "a", "e")
	f("one", 3, "s")
	f("none", 3)
}
