package catalog

import (
	"slices"
	"testing"
	"time"
)

const pastedRegions = `regions:
  americas:
    timezone: "America/Los_Angeles"
    coverage_hours: "8:00 - 18:00"
    escalation_chain:
      - level: 3
        role: "Global IC"
        timeout: 15 minutes
      - level: 1
        role: "Regional IC"
        timeout: 5 minutes
      - level: 2
        role: "Regional Deputy IC"
        timeout: 10
global_roles:
  database_sme: {rotation_size: 1, follow_the_sun: true}
  network: {}
handoff_protocol:
  - trigger: "End of regional coverage window"
  - next_region_notified: "45 minutes before handoff"
  - handoff_document: "Shared incident timeline"
  - synchronous_handoff: "Required for SEV-2 and above"
  - asynchronous_handoff: "Acceptable for SEV-3 and below"
schedules:
  americas-ic: {layers: [{start: 2026-01-05T08:00, users: [mira]}]}
  second: {labels: {role: deputy, region: americas}, layers: [{start: 2026-01-05T08:00, users: [mira]}]}
  global-ic: {layers: [{start: 2026-01-05T08:00, users: [mira]}]}
  database-sme: {layers: [{start: 2026-01-05T08:00, users: [mira]}]}
  network-americas: {layers: [{start: 2026-01-05T08:00, users: [mira]}]}
`

func TestRegionsOfABlockFindTheirSchedules(t *testing.T) {
	c, ps := load(withGood(pastedRegions))
	if bad := Errors(ps); len(bad) > 0 {
		t.Fatalf("%v", bad)
	}
	r := c.Regions["americas"]
	want := []Rung{
		{Role: RoleCommander, Schedule: "americas-ic", Timeout: Duration(5 * time.Minute)},
		{Role: RoleDeputy, Schedule: "second", Timeout: Duration(10 * time.Minute)},
		{Role: RoleGlobal, Schedule: "global-ic", Timeout: Duration(15 * time.Minute)},
	}
	if r == nil || r.TimeZone != "America/Los_Angeles" || r.Coverage.From != "08:00" || r.Coverage.To != "18:00" || !slices.Equal(r.Chain, want) {
		t.Errorf("%+v", r)
	}
	if d := c.Roles["database_sme"]; d == nil || d.Schedule != "database-sme" || d.RotationSize != 1 || !d.FollowTheSun {
		t.Errorf("%+v", d)
	}
	if n := c.Roles["network"]; n == nil || n.Schedule != "" || n.Regions["americas"] != "network-americas" {
		t.Errorf("%+v", n)
	}
	if h := c.Handoff(); h.NoticeBefore.D() != 45*time.Minute || !slices.Equal(h.Synchronous, []string{"SEV1", "SEV2"}) {
		t.Errorf("%+v", h)
	}
}

func TestRolesOfAChainAreWhatPeopleCallThem(t *testing.T) {
	for said, want := range map[string]string{
		"Regional IC": "commander", "Incident Commander": "commander", "commander": "commander", "Deputy IC": "deputy", "regional deputy": "deputy",
		"Global IC": "global", "global": "global", "Global Deputy IC": "", "Scribe": "", "": "",
	} {
		if got := commandRole(said); got != want {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
	}
}
