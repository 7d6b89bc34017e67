package page

import (
	"slices"
	"time"
)

// How many messages a person gets by one contact within a minute before the rest of them become one. Repeats about pages
// that the person knows of leave room for pages that are not known.
const (
	burst       = 5
	burstRepeat = 3
	within      = time.Minute
)

// maxBundle is how many of the newest notifications by a contact's channel are looked at for a bundle. Those beyond it make
// the next one.
const maxBundle = 500

// remembered is how long a person knows of a page. What is older is not looked at.
const remembered = 24 * time.Hour

// turn is when and how a notification goes out.
type turn struct {
	wait time.Time      // not before this; zero: at once
	with []Notification // that go out in the same message
}

// turnOf decides when a notification goes out. others are the same person's, in any order.
//
// Up to burst messages a minute go out alone. In a storm, what waits for the same contact goes out in one message that
// lists the pages, as soon as the minute has room for it.
func turnOf(n Notification, others []Notification, now time.Time) turn {
	var recent []time.Time
	var waiting, along []Notification
	known := map[ID]bool{}
	for _, o := range others {
		if o.ID == n.ID || o.Channel != n.Channel || o.Address != n.Address {
			continue
		}
		switch {
		case o.In == n.ID:
			along = append(along, o)
		case o.In != "" || !o.OutAt.IsZero():
			known[o.Page] = true
			// What is said to go out later than now went out before the clock was set back.
			if o.In == "" && o.OutAt.After(now.Add(-within)) && !o.OutAt.After(now) {
				recent = append(recent, o.OutAt)
			}
		case o.Delivery == Queued && !o.DueAt.After(now):
			waiting = append(waiting, o)
		}
	}
	slices.SortFunc(along, byAge)
	if !n.OutAt.IsZero() { // tried before: it goes out as it was
		return turn{with: along}
	}
	storm := len(recent)+1+len(waiting) > burst
	room := burst
	if known[n.Page] && (!storm || !slices.ContainsFunc(waiting, func(o Notification) bool { return !known[o.Page] })) {
		room = burstRepeat
	}
	if len(recent) >= room {
		slices.SortFunc(recent, time.Time.Compare)
		return turn{wait: recent[len(recent)-room].Add(within)}
	}
	if !storm {
		return turn{}
	}
	slices.SortFunc(waiting, byAge)
	return turn{with: waiting}
}

func byAge(a, b Notification) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	if a.ID < b.ID {
		return -1
	}
	return 1
}
