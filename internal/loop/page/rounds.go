package page

import (
	"context"
	"fmt"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// Loopback is the name of the channel by which the watchdog's pages come back to us. People have no contact of it.
const Loopback = "loopback"

// watcher is who the watchdog's pages are for; no person of a catalog can have the name.
const watcher = "@watchdog"

// roundHold is how long a page of the watchdog is held, so that its round needs a timer too.
const roundHold = time.Second

// Rounds is what is known of the watchdog's rounds. A round is an alert that takes the way of every alert: it is taken in,
// becomes a page, and a message that comes back to us. All replicas share one round.
type Rounds struct {
	Round    detect.GroupID   `json:"round,omitempty"` // the one under way; empty between two
	BeganAt  time.Time        `json:"began_at,omitzero"`
	TakenIn  bool             `json:"taken_in,omitempty"`   // its alert is durable
	CameBack time.Time        `json:"came_back,omitzero"`   // when its message arrived
	NextAt   time.Time        `json:"next_at,omitzero"`     // when the next begins
	GoodAt   time.Time        `json:"good_at,omitzero"`     // when the last one that was in time arrived
	Took     time.Duration    `json:"took,omitempty"`       // how long that one took
	LostAt   time.Time        `json:"lost_at,omitzero"`     // since when rounds do not arrive; zero when they do
	Why      string           `json:"why,omitempty"`        // what was lost
	Old      []detect.GroupID `json:"old_rounds,omitempty"` // whose traces are still there, the oldest first
}

// keptRounds is how many rounds leave their traces, for who looks into what was lost.
const keptRounds = 3

// end closes the round under way; the next begins after a while.
func (r Rounds) end(next time.Time) Rounds {
	if r.Round != "" {
		r.Old = append(r.Old, r.Round)
	}
	r.Round, r.BeganAt, r.CameBack, r.TakenIn, r.NextAt = "", time.Time{}, time.Time{}, false, next
	return r
}

// sight is what one server knows when it looks at the rounds.
type sight struct {
	Rounds
	since time.Time // when this server began to look, or could look again: what it could not see is not late
	read  time.Time // when the rounds could be read last
	err   error     // why they cannot be read, or the next step cannot be written
}

// Moves of the watchdog.
const (
	moveNone   = ""
	moveBegin  = "begin"   // a round is due
	moveTakeIn = "take in" // its alert is not durable yet
	moveSettle = "settle"  // it arrived in time
	moveLose   = "lose"    // it did not, or cannot even begin
)

// move decides what the watchdog does next, and why. A round is lost when it has not arrived within the time, when it could
// not begin for that long, and when nobody knows because the database does not answer for that long.
func move(s sight, every, within time.Duration, now time.Time) (do, why string) {
	late := func(from time.Time) bool {
		if s.since.After(from) {
			from = s.since
		}
		return now.Sub(from) > within
	}
	because := ""
	if s.err != nil {
		because = ": " + errs.Message(s.err)
	}
	switch {
	case s.err != nil && late(s.read):
		return moveLose, fmt.Sprintf("the database has not answered for %s%s", catalog.Duration(within), because)
	case s.Round != "" && now.Before(s.BeganAt.Add(-within)):
		return moveBegin, "the clock was set back"
	case s.Round != "" && !s.CameBack.IsZero():
		if took := s.CameBack.Sub(s.BeganAt); took > within && s.since.Before(s.BeganAt) {
			return moveLose, fmt.Sprintf("a test page needed %s to arrive; it has %s", catalog.Duration(took.Round(time.Millisecond)), catalog.Duration(within))
		}
		return moveSettle, "it arrived"
	case s.Round != "" && late(s.BeganAt):
		what := "was taken in and did not arrive"
		if !s.TakenIn {
			what = "could not be taken in"
		}
		return moveLose, fmt.Sprintf("a test page %s within %s%s", what, catalog.Duration(within), because)
	case s.Round != "" && !s.TakenIn:
		return moveTakeIn, "its alert is not durable yet"
	case s.Round != "":
		return moveNone, "a round is under way"
	case s.NextAt.After(now.Add(2 * every)):
		return moveBegin, "the clock was set back"
	case now.Before(s.NextAt):
		return moveNone, "the next round is not due"
	case s.err != nil && late(s.NextAt):
		return moveLose, fmt.Sprintf("a test page cannot be begun for %s%s", catalog.Duration(within), because)
	}
	return moveBegin, "a round is due"
}

// arrived notes in the transaction of the delivery that the message of a round came back. What belongs to a round that was
// given up is no news.
func arrived(ctx context.Context, tx Tx, round detect.GroupID, now time.Time) error {
	r, err := tx.Rounds(ctx)
	if err != nil || r.Round != round || !r.CameBack.IsZero() {
		return err
	}
	r.CameBack = now
	return tx.SaveRounds(ctx, r)
}
