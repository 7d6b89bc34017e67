package slo

import (
	"fmt"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// Class says what an alert asks for.
type Class string

// Classes of alerts: a page wakes a person, a ticket waits for the next working day.
const (
	Page   Class = "page"
	Ticket Class = "ticket"
)

// Rule is one row of multi-window, multi-burn-rate alerting: it fires when the budget burns Factor times too fast over
// both the long and the short window, and stops as soon as the recent window is calm. Source: The Site Reliability
// Workbook, table 5-8; the short window is a twelfth of the long one.
type Rule struct {
	Name   string        `json:"name"`
	Long   time.Duration `json:"long"`
	Short  time.Duration `json:"short"`
	Recent time.Duration `json:"recent"` // a fifth of the short window, at least a minute
	Factor float64       `json:"factor"`
	Class  Class         `json:"class"`
	MinBad int64         `json:"min_bad"` // bad events that it takes
}

// Rules returns the rules for an objective's window: 2 % of the period's budget in an hour and 5 % in six hours page, 10 %
// in three days is a ticket. For 30 days the factors are 14.4, 6 and 1.
func Rules(window time.Duration) []Rule {
	row := func(name string, long time.Duration, share float64, c Class) Rule {
		short := long / 12
		return Rule{name, long, short, max(short/5, time.Minute), max(share*float64(window)/float64(long), 1), c, MinBad}
	}
	return []Rule{
		row("fast", time.Hour, 0.02, Page),
		row("slow", 6*time.Hour, 0.05, Page),
		row("ticket", 72*time.Hour, 0.10, Ticket),
	}
}

// MinBad is how many bad events it takes before a rule fires, so that one failure at night wakes nobody.
const MinBad = 10

// Reading is what a rule sees at one moment.
type Reading struct {
	Rule      Rule    `json:"rule"`
	Long      Counts  `json:"long"`
	Short     Counts  `json:"short"`
	Recent    Counts  `json:"recent"`
	Missing   int64   `json:"missing,omitempty"` // requests of the long window that ought to have come, see Absence
	BurnLong  float64 `json:"burn_long"`
	BurnShort float64 `json:"burn_short"`
	BurnNow   float64 `json:"burn_now"` // over the recent window
}

// Read returns what the rule sees. Burn is bad events over the bad events that the budget allows in the whole window, and
// the worse of two views of what it allows: of the traffic in the window, so that an outage at night is seen at once, and of
// its share of the whole period, so that the rush hour may not spend more of the budget than the rule says. A ledger younger
// than the window is held against a full one, so that young or sparse data cannot exaggerate. Events until since belong to an alert that is over and are not counted as bad again. What is missing
// because the service is gone burns as if it had come and failed; the counts of the ledger stay what was seen.
func Read(l *Ledger, r Rule, o *catalog.SLO, gone Absence, since, now time.Time) Reading {
	budget, whole := o.Budget(), Spent(l, o, nil, now).Allowed
	burn := func(w time.Duration) (Counts, float64) {
		all := l.Sum(now.Add(-w), now)
		from := now.Add(-w)
		if since.After(from) {
			from = since
		}
		fresh := l.Sum(from, now)
		age := now.Sub(l.First())
		missing := gone.events(l, w, now)
		expected := float64(all.Total + missing)
		if age > 0 && age < w {
			expected *= float64(w) / float64(max(age, 10*time.Second))
		}
		if expected == 0 {
			return fresh, 0
		}
		bad := float64(fresh.Bad() + missing)
		return fresh, max(bad/(expected*budget), bad/(whole*float64(w)/float64(o.Window)))
	}
	out := Reading{Rule: r, Missing: gone.events(l, r.Long, now)}
	out.Long, out.BurnLong = burn(r.Long)
	out.Short, out.BurnShort = burn(r.Short)
	out.Recent = l.Sum(now.Add(-r.Recent), now)
	recent := out.Recent
	recent.Total += gone.events(l, r.Recent, now)
	out.BurnNow = recent.BadShare() / budget
	return out
}

// Fires reports whether the rule fires, and why or why not.
func (r Reading) Fires() (bool, string) {
	switch {
	case r.Long.Bad()+r.Missing < r.Rule.MinBad:
		return false, fmt.Sprintf("%d bad events in %s, fewer than %d", r.Long.Bad(), catalog.Duration(r.Rule.Long), r.Rule.MinBad)
	case r.BurnLong < r.Rule.Factor:
		return false, fmt.Sprintf("burn %.1f over %s is under %.1f", r.BurnLong, catalog.Duration(r.Rule.Long), r.Rule.Factor)
	case r.BurnShort < r.Rule.Factor:
		return false, fmt.Sprintf("burn %.1f over %s is under %.1f", r.BurnShort, catalog.Duration(r.Rule.Short), r.Rule.Factor)
	case r.BurnNow < r.Rule.Factor:
		return false, fmt.Sprintf("burn %.1f over the last %s is under %.1f: it has stopped", r.BurnNow, catalog.Duration(r.Rule.Recent), r.Rule.Factor)
	}
	why := fmt.Sprintf("budget burns %.1f times too fast over %s and %.1f over %s: %d of %d events bad",
		r.BurnLong, catalog.Duration(r.Rule.Long), r.BurnShort, catalog.Duration(r.Rule.Short), r.Long.Bad(), r.Long.Total)
	if r.Missing > 0 {
		why += fmt.Sprintf(", and about %d that ought to have come did not", r.Missing)
	}
	return true, why
}

// Calm reports whether events over a window are within the objective: traffic is there, and no more of it is bad than
// the budget allows, two events of grace given where they are at most a tenth of all.
func Calm(c Counts, budget float64) bool {
	bad := float64(c.Bad())
	return c.Total > 0 && (bad <= budget*float64(c.Total) || (bad <= 2 && c.BadShare() <= 0.1))
}
