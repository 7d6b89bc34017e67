package slo

import (
	"strings"
	"testing"
	"time"
)

// silence plays what is left of a service's traffic after it went, second by second, and says when a rule fires.
type silence struct {
	*fleet
	p      *Pulse
	others time.Time
}

// newSilence is a service that answered for two hours and reported metrics every five seconds, as others did.
func newSilence(perSecond float64) *silence {
	s := &silence{fleet: newFleet(), p: &Pulse{}}
	s.run(2*time.Hour, perSecond, none)
	for i := range 12 {
		s.p.Beat(s.now.Add(time.Duration(i-11) * 5 * time.Second))
	}
	s.others = s.now
	return s
}

// pass lets seconds pass, in each of which happens what each does, until a rule fires.
func (s *silence) pass(d time.Duration, each func(second int)) (why string, after time.Duration) {
	begin := s.now
	for i := 1; s.now.Sub(begin) < d; i++ {
		s.now = s.now.Add(time.Second)
		each(i)
		gone := Missing(s.l, s.p, s.since, s.others, s.now)
		for _, r := range Rules(30 * day) {
			if ok, why := Read(s.l, r, monthly, gone, s.since, s.now).Fires(); ok {
				return why, s.now.Sub(begin)
			}
		}
	}
	return "", 0
}

// refuse is a call that found nobody, as it is counted.
func (s *silence) refuse() {
	s.p.Unanswered(s.now)
	s.l.Add(s.now, 0, 1)
}

func TestServiceThatIsDownFiresThoughItsCallersStoppedAsking(t *testing.T) {
	for _, perSecond := range []float64{1, 5, 50} {
		s := newSilence(perSecond)
		why, after := s.pass(10*time.Minute, func(second int) {
			s.others = s.now
			if second < 5 || second%5 == 0 { // then the breakers open, and only probe
				s.refuse()
			}
		})
		if after == 0 || after > 62*time.Second || !strings.Contains(why, "ought to have come did not") {
			t.Errorf("%v/s: fired after %s because %q", perSecond, after, why)
		}
	}
}

func TestEntryThatStopsReportingFires(t *testing.T) {
	s := newSilence(5)
	why, after := s.pass(10*time.Minute, func(int) { s.others = s.now })
	if after == 0 || after > 62*time.Second {
		t.Errorf("fired after %s because %q", after, why)
	}
}

func TestTrafficThatEndsIsNoOutage(t *testing.T) {
	beat := func(s *silence, second int) {
		if second%5 == 0 {
			s.p.Beat(s.now)
		}
	}
	for name, each := range map[string]func(*silence, int){
		"it still reports metrics":                 func(s *silence, second int) { beat(s, second); s.others = s.now },
		"nobody reports: telemetry is what failed": func(*silence, int) {},
		"two calls at night found nobody": func(s *silence, second int) {
			beat(s, second)
			s.others = s.now
			if second < 3 {
				s.refuse()
			}
		},
	} {
		s := newSilence(5)
		if why, after := s.pass(50*time.Minute, func(second int) { each(s, second) }); after != 0 {
			t.Errorf("%s: fired after %s because %s", name, after, why)
		}
	}
}

func TestAnswersEndAnAbsence(t *testing.T) {
	s := newSilence(5)
	s.pass(time.Minute, func(int) { s.others = s.now; s.refuse() })
	if a := Missing(s.l, s.p, s.since, s.others, s.now); a.Rate < 4.9 || a.Rate > 5.1 || !strings.Contains(a.String(), "its callers get no answer") {
		t.Errorf("%+v: %s", a, a)
	}
	s.l.Add(s.now, 1, 1)
	s.p.Beat(s.now)
	if a := Missing(s.l, s.p, s.since, s.others, s.now.Add(20*time.Second)); a.Rate != 0 {
		t.Errorf("still gone after an answer: %s", a)
	}
	if a := Missing(NewLedger(), s.p, s.since, s.others, s.now); a.Rate != 0 {
		t.Errorf("gone before it was ever there: %s", a)
	}
}

func TestMissingRequestsAreNoEventsOfTheLedger(t *testing.T) {
	s := newSilence(10)
	before := Spent(s.l, monthly, nil, s.now).Counts
	s.pass(10*time.Minute, func(int) { s.others = s.now })
	if after := Spent(s.l, monthly, nil, s.now).Counts; after != before {
		t.Errorf("the ledger counts %+v, it counted %+v and nothing came", after, before)
	}
}

func TestEverybodyFallingSilentTogetherIsTelemetryFailing(t *testing.T) {
	s := newSilence(5)
	now := s.now.Add(33 * time.Second)
	if a := Missing(s.l, s.p, s.since, s.others, now); a.Rate != 0 {
		t.Errorf("gone although nobody else reported after it: %s", a)
	}
	if a := Missing(s.l, s.p, s.since, now, now); a.Rate == 0 {
		t.Error("not gone although others report")
	}
}
