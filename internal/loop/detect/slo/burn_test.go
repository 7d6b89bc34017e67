package slo

import (
	"math"
	"strings"
	"testing"
	"time"
)

const (
	day    = 24 * time.Hour
	budget = 0.001 // of a 99.9 % objective
)

func TestRulesBurnTheSharesOfTheWorkbook(t *testing.T) {
	f := func(window time.Duration, want ...float64) {
		t.Helper()
		for i, r := range Rules(window) {
			if math.Abs(r.Factor-want[i]) > 0.001 {
				t.Errorf("window %s, rule %s: factor %v, want %v", window, r.Name, r.Factor, want[i])
			}
			if r.Short != r.Long/12 || r.Recent < time.Minute || r.Recent > r.Short {
				t.Errorf("window %s: %+v", window, r)
			}
		}
	}
	f(30*day, 14.4, 6, 1)
	f(28*day, 13.44, 5.6, 1) // the ticket would be at 0.93: below 1 nothing is spent too fast
	f(90*day, 43.2, 18, 3)
	f(7*day, 3.36, 1.4, 1)
	rs := Rules(30 * day)
	if rs[0].Long != time.Hour || rs[1].Long != 6*time.Hour || rs[2].Long != 3*day || rs[0].Class != Page || rs[1].Class != Page || rs[2].Class != Ticket {
		t.Errorf("rules %+v", rs)
	}
}

func TestFiresSaysWhy(t *testing.T) {
	rule := Rules(30 * day)[0]
	burning := Reading{Rule: rule, Long: Counts{80, 100}, BurnLong: 20, BurnShort: 30, BurnNow: 40}
	f := func(change func(*Reading), want bool, reason string) {
		t.Helper()
		r := burning
		change(&r)
		if got, why := r.Fires(); got != want || !strings.Contains(why, reason) {
			t.Errorf("fires %v because %q, want %v, %q", got, why, want, reason)
		}
	}
	f(func(*Reading) {}, true, "budget burns 20.0 times too fast over 1h and 30.0 over 5m: 20 of 100 events bad")
	f(func(r *Reading) { r.Long = Counts{91, 100} }, false, "9 bad events in 1h, fewer than 10")
	f(func(r *Reading) { r.BurnLong = 14.3 }, false, "burn 14.3 over 1h is under 14.4")
	f(func(r *Reading) { r.BurnShort = 14.3 }, false, "burn 14.3 over 5m is under 14.4")
	f(func(r *Reading) { r.BurnNow = 1 }, false, "it has stopped")
	f(func(r *Reading) { r.BurnLong, r.BurnShort, r.BurnNow = 14.4, 14.4, 14.4 }, true, "budget burns")
}

// fleet plays traffic into a ledger second by second and says when a rule fires first.
type fleet struct {
	l     *Ledger
	now   time.Time
	since time.Time
	debt  float64 // requests owed
}

func newFleet() *fleet { return &fleet{l: NewLedger(), now: t0} }

// run plays traffic for d; bad says whether the nth request fails. It stops when a rule fires. Over more than an hour the
// rules are looked at every twenty seconds only: they add up three days each time.
func (f *fleet) run(d time.Duration, perSecond float64, bad func(n int) bool) (fired string, after time.Duration) {
	begin, n, look := f.now, 0, time.Second
	if d > time.Hour {
		look = 20 * time.Second
	}
	for f.now.Sub(begin) < d {
		f.now = f.now.Add(time.Second)
		for f.debt += perSecond; f.debt >= 1-1e-9; f.debt-- {
			good := int64(1)
			if bad(n) {
				good = 0
			}
			n++
			f.l.Add(f.now, good, 1)
		}
		if f.now.Sub(begin)%look != 0 {
			continue
		}
		if r, ok := f.fires(); ok {
			return r, f.now.Sub(begin)
		}
	}
	return "", 0
}

func (f *fleet) fires() (string, bool) {
	for _, r := range Rules(30 * day) {
		if ok, _ := Read(f.l, r, monthly, Absence{}, f.since, f.now).Fires(); ok {
			return r.Name, true
		}
	}
	return "", false
}

func none(int) bool              { return false }
func all(int) bool               { return true }
func every(k int) func(int) bool { return func(n int) bool { return n%k == k-1 } }

func TestTotalOutageFiresWithinAMinute(t *testing.T) {
	for _, perSecond := range []float64{1, 5, 50} {
		f := newFleet()
		f.run(2*time.Hour, perSecond, none)
		rule, after := f.run(10*time.Minute, perSecond, all)
		// 14.4 times the budget over an hour is 51.84 seconds of nothing but failures.
		if rule != "fast" || after > 62*time.Second || after < 50*time.Second {
			t.Errorf("at %v/s: %q after %s, want fast after 52 s", perSecond, rule, after)
		}
	}
}

func TestPartialOutagesFireInTimeToTheirSeverity(t *testing.T) {
	f := func(k int, want string, atMost time.Duration) {
		t.Helper()
		fl := newFleet()
		fl.run(7*time.Hour, 10, none)
		rule, after := fl.run(7*time.Hour, 10, every(k))
		if rule != want || after > atMost {
			t.Errorf("one in %d fails: %q after %s, want %q within %s", k, rule, after, want, atMost)
		}
	}
	f(2, "fast", 2*time.Minute+10*time.Second)
	f(10, "fast", 9*time.Minute)
	f(50, "fast", 45*time.Minute)
	f(100, "slow", 3*time.Hour+40*time.Minute) // burns 10 times too fast: too slow for the fast rule
	f(1000, "", 0)                             // exactly the objective
}

// By day a hundred times as much comes as at night. In the rush hour one in 150 fails, not seven times what the objective
// lets fail there, and yet the budget goes faster than the paging rules allow.
func TestRushHourMayNotSpendMoreOfTheBudgetThanTheRuleSays(t *testing.T) {
	f := newFleet()
	for range 3 {
		f.run(20*time.Hour, 0.5, none)
		f.run(4*time.Hour, 50, none)
	}
	f.run(20*time.Hour, 0.5, none)
	rule, after := f.run(time.Hour, 50, every(150))
	if (rule != "fast" && rule != "slow") || after > time.Hour {
		t.Errorf("%q after %s", rule, after)
	}
	// And an outage in the quiet of the night is told at once, though it takes next to nothing of the budget.
	n := newFleet()
	for range 3 {
		n.run(4*time.Hour, 50, none)
		n.run(20*time.Hour, 0.5, none)
	}
	if rule, after := n.run(10*time.Minute, 0.5, all); rule != "fast" || after > 62*time.Second {
		t.Errorf("at night: %q after %s", rule, after)
	}
}

func TestTicketForASlowBurnThatPagesNobody(t *testing.T) {
	f := newFleet()
	// Twice the budget: under both paging rules, and over the ticket's.
	if rule, after := f.run(4*day, 1, every(500)); rule != "ticket" || after > 3*day+time.Hour {
		t.Errorf("%q after %s, want a ticket", rule, after)
	}
}

func TestOneFailureAtNightFiresNothing(t *testing.T) {
	f := newFleet()
	perSecond := 10.0 / 3600
	f.run(6*time.Hour, perSecond, none)
	if rule, after := f.run(24*time.Hour, perSecond, func(n int) bool { return n == 0 }); rule != "" {
		t.Errorf("%q after %s", rule, after)
	}
}

func TestNineInTenFailingAtTenRequestsAnHourFires(t *testing.T) {
	f := newFleet()
	perSecond := 10.0 / 3600
	f.run(12*time.Hour, perSecond, none)
	rule, after := f.run(6*time.Hour, perSecond, func(n int) bool { return n%10 != 0 })
	if rule == "" || rule == "ticket" {
		t.Errorf("%q after %s", rule, after)
	}
}

func TestYoungLedgerDoesNotExaggerate(t *testing.T) {
	f := newFleet()
	// In its first minute a tenth of the requests fails: over an hour of such traffic that is next to nothing.
	if rule, after := f.run(time.Minute, 10, every(50)); rule != "" {
		t.Errorf("%q after %s", rule, after)
	}
}

func TestOutageFromTheFirstRequestOnFires(t *testing.T) {
	f := newFleet()
	if rule, after := f.run(5*time.Minute, 5, all); rule != "fast" || after > 70*time.Second {
		t.Errorf("%q after %s", rule, after)
	}
}

func TestTroubleThatIsOverDoesNotFireAgain(t *testing.T) {
	f := newFleet()
	f.run(2*time.Hour, 10, none)
	if rule, _ := f.run(10*time.Minute, 10, all); rule != "fast" {
		t.Fatal("did not fire")
	}
	f.run(30*time.Second, 10, all) // it lasts while people look
	f.since = f.now                // resolved here
	if rule, after := f.run(7*time.Hour, 10, none); rule != "" {
		t.Errorf("the same failures fired %q again after %s", rule, after)
	}
	if rule, after := f.run(10*time.Minute, 10, all); rule != "fast" || after > 62*time.Second {
		t.Errorf("a relapse: %q after %s", rule, after)
	}
}

func TestNothingFiresOnceTheTroubleStopped(t *testing.T) {
	f := newFleet()
	f.run(2*time.Hour, 10, none)
	f.run(45*time.Second, 10, all) // just under what fires
	if rule, after := f.run(2*time.Hour, 10, every(5000)); rule != "" {
		t.Errorf("%q after %s", rule, after)
	}
}

func TestCalm(t *testing.T) {
	f := func(good, total int64, want bool) {
		t.Helper()
		if got := Calm(Counts{good, total}, budget); got != want {
			t.Errorf("%d of %d good: calm %v, want %v", good, total, got, want)
		}
	}
	f(0, 0, false) // nothing arriving is not recovery
	f(1, 1, true)
	f(0, 2, false)  // everything fails: few requests are no recovery
	f(18, 20, true) // two of grace, a tenth of all
	f(17, 19, false)
	f(0, 3, false)
	f(1000, 1003, false)
	f(9990, 10000, true)
	f(9989, 10000, false)
}

func TestCountsOfNothing(t *testing.T) {
	if c := (Counts{}); c.BadShare() != 0 || c.Bad() != 0 {
		t.Errorf("%+v", c)
	}
}
