package page

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
)

func TestMoveOfTheWatchdog(t *testing.T) {
	const every, within = 5 * time.Minute, time.Minute
	t0 := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	at := func(sec int) time.Time { return t0.Add(time.Duration(sec) * time.Second) }
	locked := errs.New(errs.Unavailable, "locked")
	idle := func(next int) Rounds { return Rounds{NextAt: at(next)} }
	under := func(began, back int, in bool) Rounds {
		r := Rounds{Round: "wd_1", BeganAt: at(began), TakenIn: in}
		if back >= 0 {
			r.CameBack = at(back)
		}
		return r
	}
	for _, c := range []struct {
		what  string
		r     Rounds
		since int // when this server began to look
		read  int // when it read last
		err   *errs.Error
		now   int
		want  string
		why   string
	}{
		{"before the next round", idle(300), 0, 299, nil, 299, moveNone, ""},
		{"a round is due", idle(300), 0, 300, nil, 300, moveBegin, ""},
		{"a round is due for long: this server was away", idle(300), 0, 3000, nil, 3000, moveBegin, ""},
		{"it could not begin at first", idle(300), 0, 310, locked, 310, moveBegin, ""},
		{"nor for a minute", idle(300), 0, 361, locked, 361, moveLose, "locked"},
		{"nor for a minute, but this server looks for a moment only", idle(300), 350, 361, locked, 361, moveBegin, ""},
		{"it began and is not durable", under(300, -1, false), 0, 301, nil, 301, moveTakeIn, ""},
		{"it cannot be made durable for a minute", under(300, -1, false), 0, 361, locked, 361, moveLose, "could not be taken in within 1m: locked"},
		{"it is on its way", under(300, -1, true), 0, 360, nil, 360, moveNone, ""},
		{"it is late", under(300, -1, true), 0, 361, nil, 361, moveLose, "did not arrive within 1m"},
		{"it is late, but this server could not look", under(300, -1, true), 340, 361, nil, 361, moveNone, ""},
		{"it arrived", under(300, 302, true), 0, 302, nil, 302, moveSettle, ""},
		{"it arrived and nobody looked for an hour", under(300, 302, true), 0, 3900, nil, 3900, moveSettle, ""},
		{"it arrived late", under(300, 365, true), 0, 365, nil, 365, moveLose, "needed 1m5s"},
		{"it arrived late, because the server was away", under(300, 900, true), 899, 901, nil, 901, moveSettle, ""},
		{"the clock was set back in a round", under(300, -1, true), -6900, -6900, nil, -6900, moveBegin, "set back"},
		{"the clock was set back between two", idle(300), -6900, -6900, nil, -6900, moveBegin, "set back"},
		{"the database does not answer", idle(300), 0, 100, locked, 130, moveNone, "not due"},
		{"the database has not answered for a minute", idle(300), 0, 100, locked, 161, moveLose, "has not answered for 1m: locked"},
	} {
		s := sight{Rounds: c.r, since: at(c.since), read: at(c.read)}
		if c.err != nil {
			s.err = c.err
		}
		got, why := move(s, every, within, at(c.now))
		if got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: %q because %q, want %q because %q", c.what, got, why, c.want, c.why)
		}
	}
}
