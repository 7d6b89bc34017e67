package page_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// drawn returns the course of a severity as "who by what when".
func (w *world) drawn(sev detect.Severity) []string {
	w.t.Helper()
	v, err := w.s.Policy(w.t.Context(), "default", w.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, c := range v.Courses {
		for _, st := range c.Steps {
			for _, p := range st.People {
				for _, by := range p.By {
					if c.Severity == sev && by.Channel != "inbox" {
						out = append(out, fmt.Sprintf("%s %s sent +%.0fs", p.Person, by.Channel, by.After.D().Seconds()))
					}
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// What the line of time shows is what a page does when nobody answers.
func TestLineOfTimeIsWhatAPageDoes(t *testing.T) {
	for _, sev := range []detect.Severity{detect.SEV1, detect.SEV2} {
		w := newWorld(t, "sms", "voice")
		w.ruled()
		w.cat.Policies["default"].Hold = map[string]catalog.Duration{"SEV1": 0, "SEV2": 0}
		w.cat.Policies["default"].Loops = 1
		w.cat.Policies["default"].Steps[1].Targets = append(w.cat.Policies["default"].Steps[1].Targets, catalog.Target{Person: "mira", Severities: []string{"SEV1"}})
		want := w.drawn(sev)
		w.fire("g", sev)
		w.For(3 * time.Hour)
		w.want(string(sev), w.messages(), want)
		if len(want) < 3 {
			t.Errorf("only %v is drawn", want)
		}
	}
}

func TestLineOfTimeSaysWhatComesBeforeAndAfter(t *testing.T) {
	w := newWorld(t)
	w.cat.Policies["default"].SupportHours = &catalog.SupportHours{Hours: catalog.Hours{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", To: "17:00", TimeZone: "Europe/Berlin"}}
	v, err := w.s.Policy(t.Context(), "default", w.Now())
	if err != nil {
		t.Fatal(err)
	}
	if c := v.Courses[2]; c.Severity != detect.SEV3 || !c.WaitsUntil.Equal(time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", c)
	}
	if c := v.Courses[3]; !c.Ticket || len(c.Steps) > 0 {
		t.Errorf("%+v", c)
	}
	if c := v.Courses[0]; len(c.Steps) != len(w.cat.Policies["default"].Steps) || c.Exhausted.D() != time.Duration(v.Loops)*c.Round.D() || c.Round == 0 {
		t.Errorf("%+v", c)
	}
	if _, err := w.s.Policy(t.Context(), "defualt", w.Now()); err == nil {
		t.Error("an unknown policy is drawn")
	}
	w.cat.Policies["default"].Steps[1].Targets = []catalog.Target{{Person: "gone"}}
	if v, _ = w.s.Policy(t.Context(), "default", w.Now()); len(v.Courses[0].Steps) != len(w.cat.Policies["default"].Steps)-1 || v.Courses[0].Everybody {
		t.Errorf("a step that finds nobody is drawn: %+v", v.Courses[0])
	}
}
