package page

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/page/rota"
)

// tell tells people that pages do not arrive, and that they do again. It goes past everything that may be broken: the
// messages are handed to the channels here and now, without the database, jobs and workers.
func (w *Watchdog) tell(ctx context.Context, now time.Time) {
	a := &w.alarm
	switch {
	case !a.on:
	case w.sight.err == nil && w.sight.LostAt.IsZero() && w.sight.GoodAt.After(a.since):
		w.send(ctx, w.people(ctx, now), Message{Title: "Nightkeeper pages people again", Severity: detect.SEV4, Notice: true,
			Text: fmt.Sprintf("A test page arrived within %s. Look at what is open: what came in meanwhile may be told late.", w.sight.Took.Round(time.Millisecond))}, now)
		*a = alarm{}
	case a.told == nil: // others told people, before a restart
	case !now.Before(a.again):
		a.told, a.next, a.again = map[string]bool{}, now, now.Add(tellAgain)
		fallthrough
	case !now.Before(a.next):
		a.next = now.Add(tellRetry)
		if w.s.Shadow {
			a.next = a.again
		}
		people := slices.DeleteFunc(w.people(ctx, now), func(p string) bool { return a.told[p] })
		if len(people) == 0 {
			return
		}
		var failed []string
		for _, r := range w.send(ctx, people, Message{Title: "Nightkeeper may not page anybody", Severity: detect.SEV1, Alarm: true,
			Text: "Pages may not arrive: " + a.why + ".\n\nThis message does not go the way of pages. Watch your systems by other means until you are told that pages arrive again, " +
				"and look at `nightkeeper status` and the log of the server."}, now) {
			a.told[r.Person] = a.told[r.Person] || r.OK
			if !r.OK {
				failed = append(failed, fmt.Sprintf("%s by %s: %s", r.Person, r.Channel, r.Text))
			}
		}
		a.failure = strings.Join(failed, "; ")
	}
}

// people returns who is told: everybody whom the steps of the policy find at now, or everybody there is.
func (w *Watchdog) people(ctx context.Context, now time.Time) (out []string) {
	// A database that does not answer must not keep people from being told: without it, nobody has swapped.
	made, err := bounded(ctx, w, func(ctx context.Context) (made []rota.Override, err error) {
		err = w.s.Store.View(ctx, func(tx Tx) error { made, err = tx.Overrides(ctx, "", now, now.Add(time.Millisecond)); return err })
		return made, err
	})
	if err != nil {
		w.s.Log.Warn("swaps of who is on call are not known", "error", err)
	}
	return onCallOf(w.s.Catalog(), w.c.Policy, made, now)
}

func onCallOf(c *catalog.Catalog, policy string, made []rota.Override, now time.Time) (out []string) {
	pol := c.Policies[policy]
	if pol == nil {
		pol = c.PolicyFor("")
	}
	if pol != nil {
		for _, step := range pol.Steps {
			for _, name := range peopleOf(Page{Severity: detect.SEV1}, step, c, made, now) {
				if !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		}
	}
	if len(out) == 0 {
		return everybody(c)
	}
	return out
}

// send hands a message to every contact of people at once and returns what became of each. A shadow tells nobody, not even
// this: the other system still pages.
func (w *Watchdog) send(ctx context.Context, people []string, m Message, now time.Time) []Checked {
	if w.s.Shadow {
		w.s.Log.Warn("not told directly, because this server runs as a shadow", "people", people, "message", m.Title)
		return nil
	}
	var out []Checked
	var running sync.WaitGroup
	var mu sync.Mutex
	short, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	m.Service, m.At, m.PageURL = "Nightkeeper", now, strings.TrimSuffix(w.s.BaseURL(), "/")+"/"
	for _, name := range people {
		who := w.s.Catalog().People[name]
		if who == nil {
			continue
		}
		for _, to := range who.Contacts {
			if to.Channel == "inbox" {
				continue
			}
			m := m
			m.Notification, m.Person, m.Address = NotificationID(id.New("wdn", now)), name, to.Address
			running.Go(func() {
				r := Checked{Person: name, Channel: to.Channel, Address: shown(to)}
				if ch := w.s.channels[to.Channel]; ch == nil {
					r.Text = fmt.Sprintf("channel %s is not configured on this server", to.Channel)
				} else if receipt, err := sendGuarded(short, ch, m); err != nil {
					r.Text = errs.Message(err)
				} else {
					r.OK, r.Text = true, receipt
				}
				mu.Lock()
				defer mu.Unlock()
				out = append(out, r)
			})
		}
	}
	running.Wait()
	for _, r := range out {
		if r.OK {
			w.s.Log.Warn("told directly", "person", r.Person, "channel", r.Channel, "message", m.Title)
		} else {
			w.s.Log.Error("could not be told directly", "person", r.Person, "channel", r.Channel, "message", m.Title, "error", r.Text)
		}
	}
	return out
}

// sendGuarded sends by a channel that may be broken by a bug.
func sendGuarded(ctx context.Context, ch Channel, m Message) (receipt string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in channel %s: %v", ch.Name(), p)
		}
	}()
	return ch.Send(ctx, m)
}

// pingTimeout is how long the heartbeat outside may take to answer.
const pingTimeout = 10 * time.Second

// ping tells the heartbeat outside of a round that arrived, and tries again until the next one is due.
func (w *Watchdog) ping(ctx context.Context, now time.Time) {
	if w.owed.IsZero() || w.c.Ping == nil || now.Before(w.pingAt) {
		return
	}
	if !w.sight.LostAt.IsZero() || now.Sub(w.owed) > w.c.Every {
		w.owed = time.Time{}
		return
	}
	short, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := w.c.Ping(short)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.health.PingError, w.pingAt = errs.Message(err), now.Add(pingTimeout)
		w.s.Log.Warn("the heartbeat outside was not told", "error", err)
		return
	}
	w.owed, w.health.PingedAt, w.health.PingError = time.Time{}, now, ""
}

// show makes what was seen what Health returns.
func (w *Watchdog) show() {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := &w.health
	h.GoodAt, h.Took, h.NextAt, h.LostAt, h.Why, h.Told = w.sight.GoodAt, w.sight.Took, w.sight.NextAt, w.sight.LostAt, w.sight.Why, nil
	if w.alarm.on {
		if h.LostAt.IsZero() || w.alarm.since.Before(h.LostAt) {
			h.LostAt = w.alarm.since
		}
		h.Why = w.alarm.why
		if w.s.Shadow {
			h.Why += "; nobody is told, because this server runs as a shadow"
		}
		if w.alarm.failure != "" {
			h.Why += "; could not be told: " + w.alarm.failure
		}
		for _, name := range slices.Sorted(maps.Keys(w.alarm.told)) {
			if w.alarm.told[name] {
				h.Told = append(h.Told, name)
			}
		}
	}
	h.Rounds = w.took
}

// roundBounds are the upper bounds of how long rounds take, in seconds.
var roundBounds = [...]float64{0.5, 1, 1.5, 2, 5, 10, 30, 60, 300}

// tally counts rounds that arrived by how long they took.
type tally struct {
	counts [len(roundBounds) + 1]int
	sum    time.Duration
}

func (t *tally) add(d time.Duration) {
	i, _ := slices.BinarySearch(roundBounds[:], d.Seconds())
	t.counts[i]++
	t.sum += d
}

// Series returns the metrics of the watchdog as this server counted them: a histogram of how long rounds took, when the last
// one arrived, and whether rounds arrive.
func (h WatchdogHealth) Series(now time.Time) (out []observe.Series) {
	if !h.On {
		return nil
	}
	add := func(name, le string, v float64) {
		labels := map[string]string{"__name__": "nightkeeper_watchdog_" + name}
		if le != "" {
			labels["le"] = le
		}
		out = append(out, observe.Series{Labels: labels, Points: []observe.Point{{At: now, Value: v}}})
	}
	n := 0
	for i, c := range h.Rounds.counts {
		n += c
		le := "+Inf"
		if i < len(roundBounds) {
			le = strconv.FormatFloat(roundBounds[i], 'g', -1, 64)
		}
		add("round_trip_seconds_bucket", le, float64(n))
	}
	add("round_trip_seconds_sum", "", h.Rounds.sum.Seconds())
	add("round_trip_seconds_count", "", float64(n))
	if !h.GoodAt.IsZero() {
		add("last_success_timestamp_seconds", "", float64(h.GoodAt.UnixMilli())/1000)
	}
	lost := 0.0
	if !h.LostAt.IsZero() {
		lost = 1
	}
	add("lost", "", lost)
	return out
}
