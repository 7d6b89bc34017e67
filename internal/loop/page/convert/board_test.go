package convert

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page/rota"
)

// Whatever layers meet, on call on all schedules of a board together are those of the highest level that has somebody.
func TestSchedulesOfABoardTogetherSayWhoIsOnCall(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	several := 0
	for round := range 40 {
		p := newPlan("test", today)
		b := board{plan: p, row: p.row("schedule", "s", "s"), zone: "UTC", title: "s", id: "s"}
		type one struct {
			person   string
			level    int
			from, to int // hours of the day
		}
		var all []one
		for i := range 1 + rnd.IntN(6) {
			o := one{fmt.Sprintf("p%d", i), rnd.IntN(3), rnd.IntN(24), 1 + rnd.IntN(23)}
			o.to = (o.from + o.to) % 24
			all = append(all, o)
			if err := p.document("Person", o.person, o.person, nil, personSpec{}); err != nil {
				t.Fatal(err)
			}
			b.add("", o.level, layerSpec{Name: "l", Start: "2026-01-05T00:00", Turn: "7d", Members: []any{o.person},
				Restrictions: []restrictionSpec{{From: clock(o.from * 3600), To: clock(o.to * 3600)}}})
		}
		names, err := b.write()
		if err != nil {
			t.Fatal(err)
		}
		if len(names) > 1 {
			several++
		}
		c := loaded(t, p.finish())
		for hour := range 24 {
			want, top := []string{}, -1
			for _, o := range all {
				on := o.from <= hour && hour < o.to
				if o.to <= o.from {
					on = hour >= o.from || hour < o.to
				}
				if on && o.level > top {
					want, top = nil, o.level
				}
				if on && o.level == top {
					want = append(want, o.person)
				}
			}
			if got := onAll(t, c, names, today.Add(time.Duration(hour)*time.Hour)); !slices.Equal(got, want) {
				t.Fatalf("round %d, %d o'clock: got %v, want %v of %+v", round, hour, got, want, all)
			}
		}
	}
	if several < 10 {
		t.Errorf("only %d boards became several schedules", several)
	}
}

func onAll(t *testing.T, c *catalog.Catalog, names []string, at time.Time) []string {
	t.Helper()
	got := []string{}
	for _, n := range names {
		sh, err := rota.At(c.Schedules[n], nil, at)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, sh.People()...)
	}
	slices.Sort(got)
	return slices.Compact(got)
}
