package slo

import (
	"math/rand/v2"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// However late events come and however often slices are judged, each slice with events counts once, by all of its events.
func TestSlicesAreJudgedByAllTheirEvents(t *testing.T) {
	var bad int64
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 5))
		s := &catalog.Slices{Window: []time.Duration{time.Minute, 5 * time.Minute, 20 * time.Minute, time.Hour}[rng.IntN(4)], Target: []float64{0.9, 0.99, 1}[rng.IntN(3)]}
		events, slices := NewLedger(), NewLedger()
		start := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
		all := map[time.Time]Counts{} // by the end of the slice
		for now := start; now.Before(start.Add(6 * time.Hour)); now = now.Add(time.Duration(rng.IntN(60)+1) * time.Second) {
			if rng.IntN(20) == 0 {
				now = now.Add(time.Duration(rng.IntN(20)) * time.Minute) // nothing comes
			}
			at, failed := now.Add(-time.Duration(rng.IntN(3000))*time.Second), int64(rng.IntN(50)/48)
			events.Add(at, 9-failed, 9)
			end := at.Truncate(s.Window).Add(s.Window)
			c := all[end]
			c.add(Counts{9 - failed, 9})
			all[end] = c
			for end := now.Truncate(s.Window); end.After(now.Add(-2 * time.Hour)); end = end.Add(-s.Window) {
				Judge(events, slices, s, end)
			}
		}
		last := start.Add(8 * time.Hour)
		for end := last; end.After(start.Add(-2 * time.Hour)); end = end.Add(-s.Window) {
			Judge(events, slices, s, end)
		}
		var want Counts
		for _, c := range all {
			want.Total++
			if float64(c.Good) >= s.Target*float64(c.Total) {
				want.Good++
			}
		}
		if got := slices.Sum(start.Add(-24*time.Hour), last); got != want {
			t.Errorf("slices of %s at %v: %+v, want %+v", s.Window, s.Target, got, want)
		}
		bad += want.Bad()
	}
	if bad == 0 {
		t.Error("no slice was bad")
	}
}
