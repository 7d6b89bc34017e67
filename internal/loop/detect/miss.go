package detect

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// Miss is a time in which a heartbeat stayed away.
type Miss struct {
	From  time.Time `json:"from"`           // when it was too late
	Until time.Time `json:"until,omitzero"` // when it was heard of again, or expected no more; zero: it still stays away
	Why   string    `json:"why,omitempty"`  // it ended
	Alert AlertID   `json:"alert"`
}

// State is how a heartbeat is, in a word: off, waiting for its first sign of life, alive or away.
func (h Heartbeat) State() string {
	switch {
	case !h.Enabled:
		return "off"
	case h.Late:
		return "away"
	case h.LastPing.IsZero():
		return "waiting"
	}
	return "alive"
}

// Misses returns when a heartbeat stayed away, the last times first, at most limit.
func (s *Service) Misses(ctx context.Context, name string, limit int) ([]Miss, error) {
	found, err := s.Search(ctx, Filter{Integration: beats, Limit: limit}, []string{"heartbeat=" + strconv.Quote(name)}, "")
	if err != nil {
		return nil, err
	}
	out := []Miss{}
	for _, a := range found.Alerts {
		out = append(out, Miss{a.FiredAt, a.ResolvedAt, a.Resolution, a.ID})
	}
	return out, nil
}

// AlertsOfHeartbeats returns the alerts of heartbeats that stay away, by the name of the heartbeat.
func (s *Service) AlertsOfHeartbeats(ctx context.Context, hs ...Heartbeat) (map[string]Alert, error) {
	var keys []string
	for _, h := range hs {
		if h.Late {
			keys = append(keys, Identity(beats, h.Name))
		}
	}
	out := map[string]Alert{}
	if len(keys) == 0 {
		return out, nil
	}
	var as []Alert
	slices.Sort(keys)
	err := s.Store.View(ctx, func(tx Tx) (err error) { as, err = tx.FiringOf(ctx, keys); return err })
	for _, a := range as {
		out[a.Key] = a
	}
	return out, err
}
