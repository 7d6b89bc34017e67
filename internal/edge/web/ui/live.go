package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
)

const (
	// livePace is the least time between two messages of a stream: two a second are enough for eyes.
	livePace = 500 * time.Millisecond
	// liveBeat is how often the log is read although nothing was announced: another replica may have written it.
	liveBeat = 5 * time.Second
)

// news is one message of the feed: which kinds of facts happened, and to which groups.
type news struct {
	Seq    int64    `json:"seq"`
	Kinds  []string `json:"kinds"`
	Groups []string `json:"groups"`
	More   bool     `json:"more,omitempty"` // too many facts to name: look at everything
}

// live streams news of facts after the one that the client knows.
func (s *server) live(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	if err != nil {
		if after, err = strconv.ParseInt(r.URL.Query().Get("after"), 10, 64); err != nil {
			s.fail(w, r, errs.New(errs.Invalid, "after must be the number of a fact"))
			return
		}
	}
	rc := http.NewResponseController(w)
	// A stream outlives the server's write deadline; a server without one has nothing to lift.
	_ = rc.SetWriteDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	fmt.Fprintf(w, "retry: 1000\nid: %d\nevent: hello\ndata: {}\n\n", after)
	if rc.Flush() != nil {
		return
	}
	beat := time.NewTicker(liveBeat)
	defer beat.Stop()
	ctx := r.Context()
	for {
		// The channel is taken before the log is read, so that a commit in between is not missed.
		changed := s.Changed()
		facts, err := s.Events(ctx, event.Query{After: after, Limit: 500})
		if err != nil {
			if ctx.Err() == nil {
				s.Log.Warn("live feed ends", "error", err)
			}
			return
		}
		if len(facts) > 0 {
			after = facts[len(facts)-1].Seq
			b, err := json.Marshal(digest(facts))
			if err != nil {
				s.Log.Error("encode news", "error", err)
				return
			}
			fmt.Fprintf(w, "id: %d\nevent: facts\ndata: %s\n\n", after, b)
			if rc.Flush() != nil {
				return
			}
			select {
			case <-time.After(livePace):
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-changed:
		case <-beat.C:
			if _, err := s.who(r); err != nil {
				return
			}
			fmt.Fprint(w, ": still here\n\n")
			if rc.Flush() != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func digest(facts []event.Event) news {
	n := news{Seq: facts[len(facts)-1].Seq, Kinds: []string{}, Groups: []string{}, More: len(facts) >= 500}
	for _, e := range facts {
		if !slices.Contains(n.Kinds, e.Kind) {
			n.Kinds = append(n.Kinds, e.Kind)
		}
		if e.Group != "" && !slices.Contains(n.Groups, e.Group) && len(n.Groups) < 100 {
			n.Groups = append(n.Groups, e.Group)
		}
	}
	return n
}
